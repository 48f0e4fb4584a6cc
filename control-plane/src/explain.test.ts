import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OWN_ISSUER, readExplainQuestion } from '@headwater/protocol/explanation';
import type { FeedPage } from '@headwater/protocol/feed';
import { FeedState } from '@headwater/protocol/feed-state';
import { EXPLANATION, startTestGeo } from './test-geo.ts';
import { type TestPlane, joinAs, startTestPlane } from './test-plane.ts';

const PATH = '/v1/explain?ip=203.0.113.7&stream=show';

async function codeOf(plane: TestPlane, path: string): Promise<unknown> {
  return (await plane.call('GET', path)).body['code'];
}

test('a geo is asked in the operator\u2019s place, by a word that it can check', async () => {
  await using geo = await startTestGeo();
  await using plane = await startTestPlane();
  assert.equal(await codeOf(plane, PATH), 'stream_not_found');
  await plane.call('POST', '/v1/streams', { name: 'show', policy: 'token' });
  assert.equal(await codeOf(plane, PATH), 'no_geo');
  // The first does not answer; the next one is asked.
  await joinAs(plane, { id: 'geo-0', role: 'geo', url: 'http://127.0.0.1:9' });
  assert.equal(await codeOf(plane, PATH), 'upstream_failed');
  const credential = await joinAs(plane, { id: 'geo-1', role: 'geo', url: geo.url });
  const { status, body } = await plane.call('GET', PATH);
  assert.deepEqual([status, body], [200, EXPLANATION]);
  const state = new FeedState();
  state.apply((await plane.call('GET', '/v1/feed', undefined, credential)).body as unknown as FeedPage);
  const question = readExplainQuestion(geo.asked[0] ?? '', state.issuers.get(OWN_ISSUER), plane.clock.nowMs());
  assert.deepEqual(question, { address: '203.0.113.7', stream: 'show' });
  await plane.call('POST', '/v1/nodes/geo-1/drain');
  assert.equal(await codeOf(plane, PATH), 'upstream_failed', 'one that is drained is not asked');
  await plane.call('POST', '/v1/nodes/geo-1/drain', { draining: false });
  for (const answer of ['', '{}', '<html>', JSON.stringify({ ...EXPLANATION, geo: 5 })]) {
    geo.answer = answer;
    assert.equal(await codeOf(plane, PATH), 'upstream_failed', answer);
  }
});

test('three geos are asked and no more', async () => {
  await using geo = await startTestGeo();
  await using plane = await startTestPlane();
  await plane.call('POST', '/v1/streams', { name: 'show', policy: 'token' });
  for (const id of ['geo-1', 'geo-2']) await joinAs(plane, { id, role: 'geo', url: 'http://127.0.0.1:9' });
  await joinAs(plane, { id: 'geo-4', role: 'geo', url: geo.url });
  assert.equal((await plane.call('GET', PATH)).status, 200);
  await plane.call('DELETE', '/v1/nodes/geo-4');
  await joinAs(plane, { id: 'geo-3', role: 'geo', url: 'http://127.0.0.1:9' });
  await joinAs(plane, { id: 'geo-4', role: 'geo', url: geo.url });
  assert.equal(await codeOf(plane, PATH), 'upstream_failed');
});

test('what is asked is an address and a stream', async () => {
  await using plane = await startTestPlane();
  for (const query of ['', 'ip=203.0.113.7', 'stream=show', 'ip=203.0.113&stream=show', 'ip=::1&stream=..']) {
    assert.equal(await codeOf(plane, `/v1/explain?${query}`), 'bad_query', query);
  }
  assert.equal((await plane.call('GET', PATH, undefined, 'wrong')).status, 401);
});
