import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IDLE_LOAD } from '@headwater/protocol/node';
import { type TestPlane, joinAs, startTestPlane } from '../test-plane.ts';
import { entityTag, isNamed, isOfState } from './entity-tag.ts';

test('If-None-Match compares weakly, If-Match strongly and by the state alone', () => {
  const [state, readings] = [{ a: 1 }, { load: 1 }];
  const tag = entityTag(state, readings);
  assert.notEqual(tag, entityTag(state, { load: 2 }));
  const cases: [header: string, named: boolean, ofState: boolean][] = [
    [tag, true, true],
    [`W/${tag}`, true, false],
    [`"x", ${tag}`, true, true],
    ['*', true, true],
    [entityTag(state, { load: 2 }), false, true],
    [entityTag({ a: 2 }, readings), false, false],
    [tag.slice(1, -1), false, false],
    ['', false, false],
  ];
  for (const [header, named, ofState] of cases) {
    assert.deepEqual([isNamed(header, tag), isOfState(header, state)], [named, ofState], header);
  }
});

async function tagOf(plane: TestPlane, path: string): Promise<string> {
  const { status, headers } = await plane.call('GET', path);
  assert.equal(status, 200, path);
  const tag = headers.get('etag') ?? '';
  assert.match(tag, /^"[A-Za-z0-9_.-]+"$/, path);
  return tag;
}

const SECRET = Buffer.alloc(32, 7).toString('base64url');

const SITE = { origins: ['http://o'], policy: 'public' };

async function fill(plane: TestPlane): Promise<string> {
  await plane.call('POST', '/v1/streams', { name: 'show', policy: 'token' });
  await plane.call('POST', '/v1/zones', { name: 'site', ...SITE });
  await plane.call('POST', '/v1/issuers', { iss: 'backend', alg: 'HS256', secret: SECRET });
  await plane.call('POST', '/v1/configs', { settings: { edgeDeadlineMs: 900 }, sharePercent: 100 });
  await plane.call('POST', '/v1/configs', { settings: { edgeDeadlineMs: 901 } });
  // No edge: those are probed, and what is found is news.
  await joinAs(plane, { role: 'origin' });
  const { id } = (await plane.call('POST', '/v1/join-tokens', { role: 'edge' })).body as { id: string };
  return id;
}

test('who has a resource or a list already is told just that, until it changes', async () => {
  await using plane = await startTestPlane();
  const token = await fill(plane);
  const paths = ['streams', 'zones', 'issuers', 'configs', 'nodes', 'join-tokens'];
  const single = ['streams/show', 'zones/site', 'issuers/backend', 'configs/*', 'configs/*/versions/1', 'nodes/edge-1'];
  for (const path of [...paths, ...single, `join-tokens/${token}`].map((name) => `/v1/${name}`)) {
    const tag = await tagOf(plane, path);
    const same = await plane.send('GET', path, { headers: { 'if-none-match': `"other", ${tag}` } });
    assert.deepEqual([same.status, same.headers.get('etag'), same.body], [304, tag, {}], path);
    const other = await plane.send('GET', path, { headers: { 'if-none-match': '"other"' } });
    assert.equal(other.status, 200, path);
  }
  const before = await tagOf(plane, '/v1/streams');
  await plane.call('POST', '/v1/streams', { name: 'news', policy: 'token' });
  const after = await plane.send('GET', '/v1/streams', { headers: { 'if-none-match': before } });
  assert.equal(after.status, 200);
  assert.notEqual(after.headers.get('etag'), before);
});

test('what has changed since it was read is not changed by who has not seen that', async () => {
  await using plane = await startTestPlane();
  const token = await fill(plane);
  const changes: [method: string, path: string, of: string, missing: string][] = [
    ['POST', '/v1/nodes/edge-1/drain', '/v1/nodes/edge-1', '/v1/nodes/edge-9/drain'],
    ['POST', '/v1/configs/*/promote', '/v1/configs/*', ''],
    ['POST', '/v1/configs/*/rollback', '/v1/configs/*', ''],
    ['POST', '/v1/configs', '/v1/configs/*', ''],
    ['DELETE', '/v1/nodes/edge-1', '/v1/nodes/edge-1', '/v1/nodes/edge-9'],
    ['DELETE', '/v1/streams/show', '/v1/streams/show', '/v1/streams/none'],
    ['PUT', '/v1/zones/site', '/v1/zones/site', '/v1/zones/none'],
    ['DELETE', '/v1/zones/site', '/v1/zones/site', '/v1/zones/none'],
    ['DELETE', '/v1/issuers/backend', '/v1/issuers/backend', '/v1/issuers/none'],
    ['DELETE', `/v1/join-tokens/${token}`, `/v1/join-tokens/${token}`, '/v1/join-tokens/none'],
  ];
  for (const [method, path, of, missing] of changes) {
    const bodies: Readonly<Record<string, object>> = {
      '/v1/configs': { settings: {} },
      '/v1/configs/*/rollback': { version: 1 },
      '/v1/zones/site': SITE,
      '/v1/zones/none': SITE,
    };
    const body = method === 'DELETE' ? undefined : bodies[path];
    const ask = (to: string, tag: string) => plane.send(method, to, { headers: { 'if-match': tag }, body });
    const before = JSON.stringify((await plane.call('GET', of)).body);
    const stale = await ask(path, '"stale"');
    assert.deepEqual([stale.status, stale.body['code']], [412, 'precondition_failed'], path);
    assert.equal(JSON.stringify((await plane.call('GET', of)).body), before, 'nothing happened');
    if (missing !== '') assert.equal((await ask(missing, '"stale"')).status, 404, missing);
    const fresh = await ask(path, await tagOf(plane, of));
    assert.ok(fresh.status < 300, `${method} ${path}: ${JSON.stringify(fresh.body)}`);
  }
});

test('a node\u2019s load is news for who reads, and none for who drains', async () => {
  await using plane = await startTestPlane();
  const credential = await joinAs(plane);
  const tag = await tagOf(plane, '/v1/nodes/edge-1');
  const beat = { cursor: null, load: { ...IDLE_LOAD, cpu: 0.5 }, draining: false };
  await plane.call('POST', '/v1/nodes/edge-1/heartbeat', beat, credential);
  const read = await plane.send('GET', '/v1/nodes/edge-1', { headers: { 'if-none-match': tag } });
  assert.equal(read.status, 200);
  const drain = await plane.send('POST', '/v1/nodes/edge-1/drain', { headers: { 'if-match': tag } });
  assert.equal(drain.status, 200);
  const again = await plane.send('POST', '/v1/nodes/edge-1/drain', { headers: { 'if-match': tag } });
  assert.equal(again.status, 412);
});
