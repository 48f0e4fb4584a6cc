import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FeedPage } from '@headwater/protocol/feed';
import { FeedState } from '@headwater/protocol/feed-state';
import { IDLE_LOAD, type Load } from '@headwater/protocol/node';
import { isInShare } from '@headwater/protocol/settings';
import { CANARY_MS, differences } from './config-versions.ts';
import { type TestPlane, joinAs, startTestPlane } from './test-plane.ts';

const EDGES = ['edge-1', 'edge-2', 'edge-3', 'edge-4'];

async function feedOf(plane: TestPlane, credential: string): Promise<FeedState> {
  const state = new FeedState();
  state.apply((await plane.call('GET', '/v1/feed', undefined, credential)).body as unknown as FeedPage);
  return state;
}

async function roll(plane: TestPlane, settings: object, sharePercent = 100, scope = '*') {
  const answer = await plane.call('POST', '/v1/configs', { scope, settings, sharePercent });
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
  return answer.body;
}

test('versions are numbered, never change, and say what they changed; the nodes get the one that runs', async () => {
  await using plane = await startTestPlane();
  const edge = await joinAs(plane);
  assert.equal((await plane.call('GET', '/v1/configs/*')).status, 404);
  assert.deepEqual((await roll(plane, { edgeDeadlineMs: 3_000, steeringTtlSeconds: 4 }))['version'], 1);
  const second = await roll(plane, { edgeDeadlineMs: 2_000 });
  assert.equal(second['version'], 2);
  assert.deepEqual(second['diff'], [
    { path: 'edgeDeadlineMs', from: 3_000, to: 2_000 },
    { path: 'steeringTtlSeconds', from: 4, to: null },
  ]);
  assert.deepEqual((await feedOf(plane, edge)).settingsOf('edge-1'), { edgeDeadlineMs: 2_000 });
  const first = await plane.call('GET', '/v1/configs/*/versions/1');
  assert.deepEqual(first.body['settings'], { edgeDeadlineMs: 3_000, steeringTtlSeconds: 4 });
  assert.equal((await plane.call('POST', '/v1/configs/*/rollback', { version: 1 })).status, 204);
  assert.equal((await feedOf(plane, edge)).settingsOf('edge-1').edgeDeadlineMs, 3_000);
  assert.equal((await plane.call('POST', '/v1/configs/*/rollback', { version: 9 })).status, 404);
  await roll(plane, { steeringTtlSeconds: 5 }, 100, 'show');
  const both = (await feedOf(plane, edge)).settingsOf('edge-1', 'show');
  assert.deepEqual(both, { edgeDeadlineMs: 3_000, steeringTtlSeconds: 5 });
  await plane.restart();
  assert.equal((await plane.call('GET', '/v1/configs/*')).body['version'], 1);
});

test('settings that do not fit the schema are refused by the name of the field, and nothing is kept', async () => {
  await using plane = await startTestPlane();
  for (const [settings, field] of [
    [{ edgeDeadlineMs: 1 }, /^settings\.edgeDeadlineMs: /],
    [{ steeringTtlSeconds: 1 }, /^settings\.steeringTtlSeconds: /],
    [{ more: 1 }, /^settings\.more: no such field/],
    [{ ranking: { rules: [{ zones: [] }] } }, /^settings\.ranking\.rules\.0\.zones: /],
    [{ ranking: { rules: [{ zones: ['eu'], prefixes: ['x'] }] } }, /^settings\.ranking\.rules\.0\.prefixes\.0: /],
    [{ ranking: { busyFromLoad: 0.5 } }, /^settings\.ranking: /],
  ] as const) {
    const answer = await plane.call('POST', '/v1/configs', { settings });
    assert.deepEqual([answer.status, answer.body['code']], [400, 'bad_field']);
    assert.match(String(answer.body['detail']), field);
  }
  assert.deepEqual((await plane.call('GET', '/v1/configs')).body, { configs: [] });
});

test('what is no scope has no settings, and nothing is kept of it', async () => {
  await using plane = await startTestPlane();
  for (const scope of ['a.b', '__proto__', 'x'.repeat(65)]) {
    for (const [method, path, body] of [
      ['GET', `/v1/configs/${scope}`, undefined],
      ['GET', `/v1/configs/${scope}/versions/1`, undefined],
      ['POST', `/v1/configs/${scope}/promote`, undefined],
      ['POST', `/v1/configs/${scope}/rollback`, { version: 0 }],
    ] as const) {
      const answer = await plane.call(method, path, body);
      assert.deepEqual([answer.status, answer.body['code']], [404, 'config_not_found'], path);
    }
  }
  assert.deepEqual((await plane.call('GET', '/v1/configs')).body, { configs: [] });
});

test('without Consul nothing is changed, and the answer says that it may be asked again', async () => {
  await using plane = await startTestPlane({ env: { CONSUL_HTTP_ADDR: '127.0.0.1:9' } });
  for (const [method, path, body] of [
    ['GET', '/v1/configs/*', undefined],
    ['POST', '/v1/configs', { settings: { edgeDeadlineMs: 500 } }],
    ['POST', '/v1/configs/*/promote', undefined],
  ] as const) {
    const answer = await plane.call(method, path, body);
    assert.deepEqual([answer.status, answer.body['code']], [503, 'state_unavailable'], path);
    assert.equal(answer.headers.get('retry-after'), '1');
  }
});

/** A fleet in which the canaries of a version fare as told, and the clock moves on until it is judged. */
async function watchCanary(canaryLoad: Partial<Load>): Promise<{ readonly plane: TestPlane; readonly log: string }> {
  const plane = await startTestPlane();
  const credentials = new Map<string, string>();
  for (const id of EDGES) credentials.set(id, await joinAs(plane, { id }));
  await roll(plane, { edgeDeadlineMs: 3_000 });
  // The version whose half of the nodes is neither nobody nor everybody.
  let version = 1;
  do {
    if (version > 1) await plane.call('POST', '/v1/configs/*/rollback', {});
    version = (await roll(plane, { edgeDeadlineMs: 500 }, 50))['version'] as number;
  } while (new Set(EDGES.map((id) => isInShare(id, { scope: '*', version }, 50))).size < 2);
  const edge = await feedOf(plane, credentials.get('edge-1') ?? '');
  for (const id of EDGES) {
    const isCanary = isInShare(id, { scope: '*', version }, 50);
    assert.equal(edge.settingsOf(id).edgeDeadlineMs, isCanary ? 500 : 3_000);
  }
  const beat = async (): Promise<void> => {
    for (const id of EDGES) {
      const load = {
        ...IDLE_LOAD,
        requestsPerSecond: 100,
        ...(isInShare(id, { scope: '*', version }, 50) ? canaryLoad : {}),
      };
      const body = { cursor: null, load, draining: false };
      await plane.call('POST', `/v1/nodes/${id}/heartbeat`, body, credentials.get(id));
    }
  };
  const judged = (): string | undefined => plane.log.find((line) => line.includes('"config_judged"'));
  for (const endMs = performance.now() + 12_000; judged() === undefined && performance.now() < endMs;) {
    plane.clock.advance(Math.min(900, CANARY_MS));
    await beat();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return { plane, log: judged() ?? '' };
}

test('a canary whose errors rise is rolled back by itself', async () => {
  const { plane, log } = await watchCanary({ errorsPerSecond: 10 });
  await using _ = plane;
  assert.match(log, /"verdict":"rolled back"/);
  const running = (await plane.call('GET', '/v1/configs/*')).body;
  assert.deepEqual([running['version'], running['canary']], [1, null]);
});

test('one that fares well for a minute is given to all', async () => {
  const { plane, log } = await watchCanary({});
  await using _ = plane;
  assert.match(log, /"verdict":"promoted"/);
  assert.deepEqual((await plane.call('GET', '/v1/configs/*')).body['settings'], { edgeDeadlineMs: 500 });
});

test('differences go down to the setting', () => {
  assert.deepEqual(differences({ a: { b: 1, c: [1] } }, { a: { b: 2, c: [1] }, d: 1 }), [
    { path: 'a.b', from: 1, to: 2 },
    { path: 'd', from: null, to: 1 },
  ]);
});
