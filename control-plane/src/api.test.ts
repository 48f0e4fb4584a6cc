import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { readFile, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { verifySessionToken } from '@headwater/protocol/session-token';
import { type FeedPage, MAX_RUNGS } from '@headwater/protocol/feed';
import { FeedState } from '@headwater/protocol/feed-state';
import { IDLE_LOAD } from '@headwater/protocol/node';
import { testRecord } from '@headwater/protocol/test-node';
import { ADMIN, type Answer, JOIN, type TestPlane, joinAs, startTestPlane, testJoin } from './test-plane.ts';

const SECRET = Buffer.alloc(32, 7).toString('base64url');

async function feedOf(plane: TestPlane, credential: string): Promise<FeedState> {
  const state = new FeedState();
  state.apply((await plane.call('GET', '/v1/feed', undefined, credential)).body as unknown as FeedPage);
  return state;
}

function assertProblem(answer: Answer, status: number, code: string, detail?: RegExp): void {
  assert.equal(answer.status, status, JSON.stringify(answer.body));
  assert.equal(answer.body['code'], code);
  assert.equal(answer.headers.get('content-type'), 'application/problem+json');
  if (detail !== undefined) assert.match(String(answer.body['detail']), detail);
}

test('a stream is made, read, listed and deleted', async () => {
  await using plane = await startTestPlane();
  const made = await plane.call('POST', '/v1/streams', { name: 'show', policy: 'token' });
  assert.equal(made.status, 201);
  assert.equal(made.headers.get('location'), '/v1/streams/show');
  assert.equal(made.headers.get('cache-control'), 'no-store');
  const key = made.body['key'] as string;
  assert.match(key, /^[A-Za-z0-9_-]{32}$/);
  const address = {
    publishUrl: `rtmp://public.example:1935/live/show?key=${key}`,
    server: 'rtmp://public.example:1935/live',
    streamKey: `show?key=${key}`,
  };
  assert.deepEqual(made.body, { stream: 'show', ...address, key });
  const facts = { stream: 'show', policy: 'token', ladder: null, origin: null, onAir: false };
  assert.deepEqual((await plane.call('GET', '/v1/streams/show')).body, { ...facts, ...address, key });
  assert.deepEqual((await plane.call('GET', '/v1/streams')).body, { streams: [facts] });
  assertProblem(await plane.call('POST', '/v1/streams', { name: 'show', policy: 'public' }), 409, 'stream_exists');
  assert.equal((await plane.call('DELETE', '/v1/streams/show')).status, 204);
  assertProblem(await plane.call('GET', '/v1/streams/show'), 404, 'stream_not_found');
  assertProblem(await plane.call('DELETE', '/v1/streams/show'), 404, 'stream_not_found');
});

test('publish URLs name an origin that is there, viewers go to a geo that is', async () => {
  await using plane = await startTestPlane();
  await joinAs(plane, { id: 'origin-1', role: 'origin', rtmpUrl: 'rtmp://10.0.0.5:19350' });
  await joinAs(plane, { id: 'geo-1', role: 'geo', url: 'https://door.example' });
  const made = await plane.call('POST', '/v1/streams', { name: 'show', policy: 'public' });
  assert.equal(made.body['server'], 'rtmp://10.0.0.5:19350/live');
  const urls = async () =>
    (await plane.call('POST', '/v1/tokens', { stream: 'show', ttlSeconds: 9 })).body['urls'] as { watch: string };
  assert.match((await urls()).watch, /^https:\/\/door\.example\/watch\/show\?URISigningPackage=/);
  await plane.call('POST', '/v1/nodes/geo-1/drain');
  assert.match((await urls()).watch, /^http:\/\/public\.example:7100\/watch\/show\?/);
});

test('a ladder is kept, and a bad body is refused by the name of its field', async () => {
  await using plane = await startTestPlane();
  const rung = { height: 720, bitsPerSecond: 2_000_000 };
  const rungs = (count: number) => Array.from({ length: count }, (_, n) => ({ ...rung, height: 100 + 2 * n }));
  const ladder = { rungs: rungs(MAX_RUNGS), audioBitsPerSecond: 128_000 };
  const made = await plane.call('POST', '/v1/streams', { name: 'show', policy: 'token', ladder });
  assert.equal(made.status, 201);
  assert.deepEqual((await plane.call('GET', '/v1/streams/show')).body['ladder'], ladder);
  const good = { name: 'x', policy: 'token' };
  const cases: [body: unknown, code: string, detail: RegExp][] = [
    ['{', 'bad_json', /not JSON/],
    ['null', 'bad_field', /object/],
    ['[]', 'bad_field', /object/],
    ['"text"', 'bad_field', /object/],
    ['', 'bad_field', /^name: /],
    [{ policy: 'token' }, 'bad_field', /^name: /],
    [{ ...good, name: '' }, 'bad_field', /^name: /],
    [{ ...good, name: '../x' }, 'bad_field', /^name: /],
    [{ ...good, name: 'x'.repeat(65) }, 'bad_field', /^name: /],
    [{ ...good, name: 5 }, 'bad_field', /^name: /],
    [{ name: 'x' }, 'bad_field', /^policy: /],
    [{ ...good, policy: 'secret' }, 'bad_field', /^policy: /],
    [{ ...good, extra: 1 }, 'bad_field', /^extra: no such field$/],
    ['{"name":"x","policy":"token","__proto__":{"a":1}}', 'bad_field', /^__proto__: no such field$/],
    [{ ...good, ladder: { ...ladder, rungs: [] } }, 'bad_field', /^ladder\.rungs: /],
    [{ ...good, ladder: { ...ladder, rungs: [rung, rung] } }, 'bad_field', /^ladder\.rungs: two rungs/],
    [{ ...good, ladder: { ...ladder, rungs: [{ ...rung, height: 721 }] } }, 'bad_field', /^ladder\.rungs\.0\.height: /],
    [{ ...good, ladder: { ...ladder, rungs: [{ ...rung, x: 1 }] } }, 'bad_field', /^ladder\.rungs\.0\.x: /],
    [
      {
        ...good,
        ladder: { ...ladder, rungs: rungs(MAX_RUNGS + 1) },
      },
      'bad_field',
      /^ladder\.rungs: at most 8 rungs$/,
    ],
    [{ ...good, ladder: { ...ladder, audioBitsPerSecond: 1e9 } }, 'bad_field', /^ladder\.audioBitsPerSecond: /],
  ];
  for (const [body, code, detail] of cases)
    assertProblem(await plane.call('POST', '/v1/streams', body), 400, code, detail);
});

test('without the admin token nothing is told, whatever is asked', async () => {
  await using plane = await startTestPlane();
  const credential = await joinAs(plane);
  const asked: [string, string][] = [
    ['GET', '/v1/streams'],
    ['POST', '/v1/streams'],
    ['GET', '/v1/streams/nobody'],
    ['DELETE', '/v1/streams/nobody'],
    ['POST', '/v1/tokens'],
    ['GET', '/v1/zones'],
    ['PUT', '/v1/zones/nobody'],
    ['GET', '/v1/issuers'],
    ['POST', '/v1/issuers'],
    ['DELETE', '/v1/issuers/x'],
    ['POST', '/v1/revocations'],
    ['POST', '/v1/keys/rotate'],
    ['GET', '/v1/nodes'],
    ['DELETE', '/v1/nodes/edge-1'],
    ['POST', '/v1/nodes/edge-1/drain'],
    ['GET', '/v1/anything'],
  ];
  for (const [method, path] of asked) {
    for (const bearer of ['', 'wrong', ADMIN.slice(0, -1), `${ADMIN}x`, credential, JOIN, '\u00e9']) {
      const answer = await plane.call(method, path, undefined, bearer);
      assertProblem(answer, 401, 'unauthorized');
      assert.equal(answer.headers.get('www-authenticate'), 'Bearer');
    }
  }
  for (const path of [
    '/v1/feed',
    '/v1/nodes/edge-1/heartbeat',
    '/v1/publishes',
    '/v1/publishes/show',
    '/v1/nodes/join',
  ]) {
    const method = path === '/v1/feed' ? 'GET' : path === '/v1/publishes/show' ? 'DELETE' : 'POST';
    for (const bearer of ['', 'wrong', ADMIN])
      assertProblem(await plane.call(method, path, undefined, bearer), 401, 'unauthorized');
  }
});

test('unknown paths are 404, known paths with a strange method 405', async () => {
  await using plane = await startTestPlane();
  assertProblem(await plane.call('GET', '/'), 404, 'not_found');
  assertProblem(await plane.call('GET', '/v1/anything'), 404, 'not_found');
  const put = await plane.call('PUT', '/v1/streams');
  assertProblem(put, 405, 'method_not_allowed');
  assert.equal(put.headers.get('allow'), 'GET, POST');
  assertProblem(await plane.call('POST', '/v1/streams/show'), 405, 'method_not_allowed');
  assertProblem(await plane.call('POST', '/v1/feed'), 405, 'method_not_allowed');
  assertProblem(await plane.call('GET', '/v1/nodes/edge-1/heartbeat'), 405, 'method_not_allowed');
  assertProblem(await plane.call('DELETE', '/healthz'), 405, 'method_not_allowed');
});

test('health, readiness and metrics need no token', async () => {
  await using plane = await startTestPlane();
  assert.deepEqual((await plane.call('GET', '/healthz', undefined, '')).body, { status: 'ok' });
  assert.deepEqual((await plane.call('GET', '/readyz', undefined, '')).body, { status: 'ready' });
  const metrics = await (await fetch(`${plane.url}/metrics`)).text();
  assert.match(metrics, /^headwater_control_nodes 0$/m);
  assert.match(metrics, /^headwater_control_requests_total\{status="2xx"\} 3$/m, 'and the document');
});

test('a minted token opens its stream at every door, for its time and address', async () => {
  await using plane = await startTestPlane();
  await plane.call('POST', '/v1/streams', { name: 'show', policy: 'public' });
  const made = await plane.call('POST', '/v1/tokens', { stream: 'show', ttlSeconds: 60, ip: '203.0.113.0/24' });
  assert.equal(made.status, 201);
  const { token, session, expiresAt, urls } = made.body as {
    token: string;
    session: string;
    expiresAt: string;
    urls: Record<string, string>;
  };
  assert.equal(expiresAt, '2026-11-24T12:01:00.000Z');
  assert.deepEqual(urls, {
    hls: `http://public.example:7100/live/show/master.m3u8?URISigningPackage=${token}`,
    dash: `http://public.example:7100/live/show/manifest.mpd?URISigningPackage=${token}`,
    ts: `http://public.example:7100/live/show/ts.m3u8?URISigningPackage=${token}`,
    watch: `http://public.example:7100/watch/show?URISigningPackage=${token}`,
  });
  const { issuers } = await feedOf(plane, await joinAs(plane));
  const nowMs = plane.clock.nowMs();
  const outcome = (uri: string, change: object = {}) => {
    const verdict = verifySessionToken(token, {
      uri,
      scope: 'live/show',
      address: '203.0.113.7',
      nowMs,
      issuers,
      ...change,
    });
    return verdict.ok ? verdict.session.id : verdict.code;
  };
  for (const uri of Object.values(urls)) assert.equal(outcome(uri), session, uri);
  assert.equal(
    outcome(`https://edge-7.example:8443/live/show/v720/media.m3u8?x=1&URISigningPackage=${token}`),
    session,
  );
  assert.equal(outcome('http://h/live/show2/master.m3u8'), 'session_container');
  assert.equal(outcome('http://h/live/other/master.m3u8?/live/show/'), 'session_container');
  assert.equal(outcome('http://h/live/show/../other/master.m3u8'), 'session_container');
  assert.equal(outcome(urls['hls'] ?? '', { scope: 'zone/show' }), 'session_container', 'a zone may have that path');
  assert.equal(outcome(urls['hls'] ?? '', { nowMs: nowMs + 60_000 }), 'session_expired');
  assert.equal(outcome(urls['hls'] ?? '', { nowMs: nowMs - 6_000 }), 'session_not_yet_valid');
  assert.equal(outcome(urls['hls'] ?? '', { address: '203.0.114.7' }), 'session_address');
});

test('a token order is refused by the name of its field, and for a stream that is not there', async () => {
  await using plane = await startTestPlane({ env: { HEADWATER_MAX_TOKEN_TTL_SECONDS: '100' } });
  await plane.call('POST', '/v1/streams', { name: 'show', policy: 'token' });
  const cases: [object, RegExp][] = [
    [{ ttlSeconds: 1 }, /^stream: /],
    [{ stream: 'show' }, /^ttlSeconds: /],
    [{ stream: 'show', ttlSeconds: 0 }, /^ttlSeconds: /],
    [{ stream: 'show', ttlSeconds: 1.5 }, /^ttlSeconds: /],
    [{ stream: 'show', ttlSeconds: 101 }, /^ttlSeconds: /],
    [{ stream: 'show', ttlSeconds: 1, ip: '203.0.113.0/33' }, /^ip: /],
    [{ stream: 'show', ttlSeconds: 1, session: 'x' }, /^session: no such field/],
  ];
  for (const [body, detail] of cases)
    assertProblem(await plane.call('POST', '/v1/tokens', body), 400, 'bad_field', detail);
  assert.equal((await plane.call('POST', '/v1/tokens', { stream: 'show', ttlSeconds: 100 })).status, 201);
  assertProblem(await plane.call('POST', '/v1/tokens', { stream: 'other', ttlSeconds: 1 }), 404, 'stream_not_found');
});

test('issuers of each algorithm are made, listed without secrets, and deleted', async () => {
  await using plane = await startTestPlane();
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' });
  const ed = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
  const issuers = [
    { iss: 'https://backend.example/a', alg: 'HS256', secret: SECRET },
    { iss: 'ec', alg: 'ES256', jwk: ec },
    { iss: 'ed', alg: 'EdDSA', jwk: ed },
  ];
  for (const issuer of issuers) {
    const made = await plane.call('POST', '/v1/issuers', issuer);
    assert.deepEqual([made.status, made.body], [201, { iss: issuer.iss, alg: issuer.alg }]);
    assertProblem(await plane.call('POST', '/v1/issuers', issuer), 409, 'issuer_exists');
  }
  const state = await feedOf(plane, await joinAs(plane));
  assert.deepEqual(state.issuers.get('ec'), issuers[1]);
  assert.deepEqual((await plane.call('GET', '/v1/issuers')).body, {
    issuers: [
      { iss: 'ec', alg: 'ES256', own: false },
      { iss: 'ed', alg: 'EdDSA', own: false },
      { iss: 'headwater', alg: 'EdDSA', own: true },
      { iss: 'https://backend.example/a', alg: 'HS256', own: false },
    ],
  });
  const path = `/v1/issuers/${encodeURIComponent('https://backend.example/a')}`;
  assert.equal((await plane.call('DELETE', path)).status, 204);
  assertProblem(await plane.call('DELETE', path), 404, 'not_found');
  assertProblem(await plane.call('DELETE', '/v1/issuers/headwater'), 403, 'forbidden');
  assertProblem(
    await plane.call('POST', '/v1/issuers', { iss: 'headwater', alg: 'HS256', secret: SECRET }),
    409,
    'issuer_exists',
  );
});

test('an issuer with a key that is none, private, short or of another algorithm is refused', async () => {
  await using plane = await startTestPlane();
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ec = pair.publicKey.export({ format: 'jwk' });
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ format: 'jwk' });
  const cases: [object, RegExp][] = [
    [{ alg: 'HS256', secret: SECRET }, /^iss: /],
    [{ iss: 'a b', alg: 'HS256', secret: SECRET }, /^iss: /],
    [{ iss: 'a', secret: SECRET }, /^alg: /],
    [{ iss: 'a', alg: 'none' }, /^alg: /],
    [{ iss: 'a', alg: 'RS256', jwk: ec }, /^alg: /],
    [{ iss: 'a', alg: 'HS256' }, /^secret: /],
    [{ iss: 'a', alg: 'HS256', secret: SECRET.slice(0, 42) }, /^secret: /],
    [{ iss: 'a', alg: 'HS256', secret: SECRET, jwk: ec }, /^jwk: no such field/],
    [{ iss: 'a', alg: 'ES256', secret: SECRET }, /^jwk: |^secret: /],
    [{ iss: 'a', alg: 'ES256', jwk: {} }, /^jwk: is no key/],
    [{ iss: 'a', alg: 'ES256', jwk: p384 }, /^jwk: is no key/],
    [{ iss: 'a', alg: 'EdDSA', jwk: ec }, /^jwk: is no key/],
    [{ iss: 'a', alg: 'ES256', jwk: { ...ec, x: 'AAAA' } }, /^jwk: is no key/],
    [{ iss: 'a', alg: 'ES256', jwk: pair.privateKey.export({ format: 'jwk' }) }, /^jwk: .*private/],
  ];
  for (const [body, detail] of cases)
    assertProblem(await plane.call('POST', '/v1/issuers', body), 400, 'bad_field', detail);
});

test('revocations reach a node by its feed', async () => {
  await using plane = await startTestPlane();
  await plane.call('POST', '/v1/streams', { name: 'show', policy: 'token' });
  const one = await plane.call('POST', '/v1/revocations', { session: 's1' });
  assert.deepEqual([one.status, one.body], [201, { session: 's1', revokedAt: '2026-11-24T12:00:00.000Z' }]);
  assert.equal((await plane.call('POST', '/v1/revocations', { stream: 'show' })).status, 201);
  const state = await feedOf(plane, await joinAs(plane));
  assert.ok(state.isRevoked('s1', 'live/other'));
  assert.ok(state.isRevoked('s2', 'live/show', plane.clock.nowMs()));
  assert.ok(!state.isRevoked('s2', 'live/show', plane.clock.nowMs() + 1_000));
  assertProblem(await plane.call('POST', '/v1/revocations', { stream: 'other' }), 404, 'stream_not_found');
  for (const [body, detail] of [
    [{}, /wants a session, a stream or a zone/],
    [{ session: 's1', stream: 'show' }, /wants a session, a stream or a zone/],
    [{ session: 'a.b' }, /^session: /],
    [{ sessions: 's' }, /^sessions: no such field/],
  ] as const) {
    assertProblem(await plane.call('POST', '/v1/revocations', body), 400, 'bad_field', detail);
  }
});

test('nodes are listed, drained and removed', async () => {
  await using plane = await startTestPlane();
  const credential = await joinAs(plane, { url: 'http://127.0.0.1:8080', place: { latitude: 1.5, longitude: -2 } });
  const load = { ...IDLE_LOAD, cpu: 0.5, egressBytesPerSecond: 6, connections: 7, loopLagMs: 8 };
  const beat = { cursor: 'c', load, draining: false };
  assert.equal((await plane.call('POST', '/v1/nodes/edge-1/heartbeat', beat, credential)).status, 204);
  const facts = {
    ...testRecord({ url: 'http://127.0.0.1:8080', place: { latitude: 1.5, longitude: -2 }, load }),
    generation: plane.clock.nowMs(),
    servingSinceMs: null,
    cursor: 'c',
    heardAt: '2026-11-24T12:00:00.000Z',
    heardBy: 'control-1',
  };
  const [listed, one] = [await plane.call('GET', '/v1/nodes'), await plane.call('GET', '/v1/nodes/edge-1')];
  const { nodes } = listed.body as { readonly nodes: readonly Record<string, unknown>[] };
  for (const { probe, ...told } of [...nodes, one.body]) {
    assert.deepEqual(told, facts);
    // Nothing answers there, which the leader may have found out by now.
    assert.match(String(probe), /^null$|did not answer/);
  }
  assert.deepEqual((await plane.call('POST', '/v1/nodes/edge-1/drain')).body, { id: 'edge-1', draining: true });
  assert.deepEqual((await plane.call('POST', '/v1/nodes/edge-1/drain', { draining: false })).body, {
    id: 'edge-1',
    draining: false,
  });
  assertProblem(
    await plane.call('POST', '/v1/nodes/edge-1/drain', { draining: 'yes' }),
    400,
    'bad_field',
    /^draining: /,
  );
  assertProblem(await plane.call('POST', '/v1/nodes/edge-9/drain'), 404, 'node_not_found');
  assertProblem(await plane.call('GET', '/v1/nodes/edge-9'), 404, 'node_not_found');
  assertProblem(await plane.call('DELETE', '/v1/nodes/edge-9'), 404, 'node_not_found');
  assert.equal((await plane.call('DELETE', '/v1/nodes/edge-1')).status, 204);
  assertProblem(await plane.call('POST', '/v1/nodes/edge-1/heartbeat', beat, credential), 401, 'unauthorized');
});

test('a join or heartbeat that does not fit is refused by the name of its field', async () => {
  await using plane = await startTestPlane();
  const join = testJoin({ url: 'http://h:1' });
  const node = join.node;
  const joins: [object, RegExp][] = [
    [{ ...node, id: 'Edge' }, /^node\.id: /],
    [{ ...node, id: 'join' }, /^node\.id: /],
    [{ ...node, role: 'door' }, /^node\.role: /],
    [{ ...node, url: 'ftp://h' }, /^node\.url: /],
    [{ ...node, url: 'http://h/' }, /^node\.url: /],
    [{ ...node, url: 'http://2001:db8::1:8080' }, /^node\.url: /],
    [{ ...node, rtmpUrl: 'http://h' }, /^node\.rtmpUrl: /],
    [{ ...node, rtmpUrl: 'rtmp://2001:db8::1:1935' }, /^node\.rtmpUrl: /],
    [{ ...node, place: { latitude: 91, longitude: 0 } }, /^node\.place\.latitude: /],
    [{ ...node, zone: 'E U' }, /^node\.zone: /],
    [{ ...node, version: 'x'.repeat(65) }, /^node\.version: /],
    [{ ...node, more: 1 }, /^node\.more: no such field/],
  ];
  for (const [change, detail] of joins) {
    const body = { ...join, node: change };
    assertProblem(await plane.call('POST', '/v1/nodes/join', body, JOIN), 400, 'bad_field', detail);
  }
  const keyless = { ...join, publicKey: 'short' };
  assertProblem(await plane.call('POST', '/v1/nodes/join', keyless, JOIN), 400, 'bad_field', /^publicKey: /);
  const credential = await joinAs(plane);
  const load = IDLE_LOAD;
  const beat = { cursor: null, load, draining: false };
  const beats: [object, RegExp][] = [
    [{ ...beat, load: { ...load, cpu: -1 } }, /^load\.cpu: /],
    [{ ...beat, cursor: 'x'.repeat(201) }, /^cursor: /],
    [{ ...beat, streams: [{ name: 'a/b', epochOrdinal: 1 }] }, /^streams\.0\.name: /],
    [{ ...beat, streams: Array.from({ length: 1_001 }, (_, n) => ({ name: `s${n}`, epochOrdinal: 1 })) }, /^streams: /],
    [{ load, draining: false }, /^cursor: /],
  ];
  for (const [body, detail] of beats) {
    assertProblem(await plane.call('POST', '/v1/nodes/edge-1/heartbeat', body, credential), 400, 'bad_field', detail);
  }
  assertProblem(await plane.call('POST', '/v1/nodes/edge-2/heartbeat', beat, credential), 403, 'forbidden', /edge-1/);
});

test('each limit holds at one more', async () => {
  await using plane = await startTestPlane({
    env: {
      HEADWATER_MAX_STREAMS: '2',
      HEADWATER_MAX_NODES: '2',
      HEADWATER_MAX_ISSUERS: '2',
      HEADWATER_MAX_JOIN_TOKENS: '2',
      HEADWATER_MAX_REVOCATIONS: '2',
      HEADWATER_CONTROL_BODY_BYTES: '1024',
      HEADWATER_CONTROL_MAX_HEADER_BYTES: '2048',
    },
  });
  const stream = (name: string) => plane.call('POST', '/v1/streams', { name, policy: 'token' });
  const issuer = (iss: string) => plane.call('POST', '/v1/issuers', { iss, alg: 'HS256', secret: SECRET });
  const revoke = (session: string) => plane.call('POST', '/v1/revocations', { session });
  const node = (id: string) => plane.call('POST', '/v1/nodes/join', testJoin({ id, url: 'http://h:1' }), JOIN);
  const joinToken = () => plane.call('POST', '/v1/join-tokens', { role: 'edge' });
  for (const make of [stream, issuer, revoke, node, joinToken])
    for (const name of ['a', 'b']) assert.equal((await make(name)).status, 201);
  assertProblem(await stream('c'), 429, 'too_many_streams', /limit is 2/);
  assertProblem(await issuer('c'), 429, 'too_many_requests', /limit is 2/);
  assertProblem(await joinToken(), 429, 'too_many_requests', /limit is 2/);
  assertProblem(await revoke('c'), 429, 'too_many_requests', /limit is 2/);
  assertProblem(await node('c'), 429, 'too_many_requests', /limit is 2/);
  assert.equal((await node('b')).status, 201);
  const padded = (length: number) => '{"name":"x"}'.padEnd(length, ' ');
  assertProblem(await plane.call('POST', '/v1/streams', padded(1_024)), 400, 'bad_field', /^policy: /);
  assertProblem(await plane.call('POST', '/v1/streams', padded(1_025)), 413, 'body_too_large', /1024/);
  // The same without a length: by chunks.
  const chunked = await fetch(`${plane.url}/v1/streams`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN}` },
    body: new Blob([padded(1_025)]).stream(),
    duplex: 'half',
  });
  assert.equal(chunked.status, 413);
  const listed = (length: number) => fetch(`${plane.url}/healthz`, { headers: { x: 'x'.repeat(length) } });
  assert.deepEqual([(await listed(1_700)).status, (await listed(2_049)).status], [200, 431]);
});

test('one connection more than the limit is turned away, and a Host that is none is told so', async () => {
  await using plane = await startTestPlane({ env: { HEADWATER_CONTROL_MAX_CONNECTIONS: '2' } });
  const port = Number(new URL(plane.url).port);
  // What asked before keeps its connection for a while.
  await plane.restart();
  const held = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')];
  for (const socket of held) {
    socket.write('GET /healthz HTTP/1.1\r\nhost: a b\r\n\r\n');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    assert.match(answer.toString(), /^HTTP\/1\.1 400 [^]*"code":"bad_request"/);
  }
  const third = connect(port, '127.0.0.1');
  third.on('error', () => undefined);
  await once(third, 'close');
  for (const socket of held) socket.destroy();
});

test('of an issuer’s JWK the key alone goes out to the nodes', async () => {
  await using plane = await startTestPlane();
  const { publicKey } = generateKeyPairSync('ed25519');
  const jwk = publicKey.export({ format: 'jwk' });
  const body = { iss: 'backend', alg: 'EdDSA', jwk: { ...jwk, kid: 'k', use: 'sig', x5c: ['z'.repeat(100_000)] } };
  assert.equal((await plane.call('POST', '/v1/issuers', body)).status, 201);
  const feed = await plane.call('GET', '/v1/feed', undefined, await joinAs(plane));
  const told = (feed.body['messages'] as { issuer?: { iss: string; jwk: unknown } }[]).flatMap(
    ({ issuer }) => issuer ?? [],
  );
  assert.deepEqual(told.find(({ iss }) => iss === 'backend')?.jwk, jwk);
});

test('an origin claims a stream with its key; another waits until it is released or silent', async () => {
  await using plane = await startTestPlane();
  const { key } = (await plane.call('POST', '/v1/streams', { name: 'show', policy: 'token' })).body as { key: string };
  const one = await joinAs(plane, { id: 'origin-1', role: 'origin' });
  const two = await joinAs(plane, { id: 'origin-2', role: 'origin' });
  const edge = await joinAs(plane);
  const claim = (origin: string, credential: string, change: object = {}) =>
    plane.call('POST', '/v1/publishes', { stream: 'show', key, origin, ...change }, credential);
  const release = (credential: string, stream = 'show') =>
    plane.call('DELETE', `/v1/publishes/${stream}`, undefined, credential);

  assertProblem(await claim('origin-1', one, { key: 'wrong' }), 403, 'publish_denied');
  assertProblem(await claim('origin-1', one, { stream: 'other' }), 404, 'stream_not_found');
  assertProblem(await claim('origin-2', one), 403, 'forbidden');
  assertProblem(await claim('edge-1', edge), 403, 'forbidden');
  assertProblem(await claim('origin-1', one, { more: 1 }), 400, 'bad_field', /^more: /);
  const claimed = await claim('origin-1', one);
  assert.deepEqual([claimed.status, claimed.body], [200, { stream: 'show', ladder: null, lastEpochOrdinal: -1 }]);
  assert.equal((await feedOf(plane, edge)).streams.get('show')?.origin, 'origin-1');
  assert.equal((await plane.call('GET', '/v1/streams/show')).body['onAir'], true);
  assertProblem(await claim('origin-2', two), 409, 'stream_claimed');
  assert.equal((await claim('origin-1', one)).status, 200);

  const load = IDLE_LOAD;
  const beat = (id: string, credential: string, streams: object[]) =>
    plane.call('POST', `/v1/nodes/${id}/heartbeat`, { cursor: null, load, draining: false, streams }, credential);
  assert.equal(
    (
      await beat('origin-1', one, [
        { name: 'show', epochOrdinal: 4 },
        { name: 'gone', epochOrdinal: 1 },
      ])
    ).status,
    204,
  );
  // What another origin says is on air at it does not take a claim that is held.
  await beat('origin-2', two, [{ name: 'show', epochOrdinal: 9 }]);
  assert.equal((await claim('origin-1', one)).body['lastEpochOrdinal'], 4);

  assertProblem(await release(two), 409, 'stream_claimed');
  assertProblem(await release(one, 'other'), 404, 'stream_not_found');
  assert.equal((await release(one)).status, 204);
  assert.equal((await release(two)).status, 204);
  assert.equal((await feedOf(plane, edge)).streams.get('show')?.origin, null);
  assert.equal((await claim('origin-2', two)).status, 200);

  // A heartbeat older than the claim does not undo it; one that is clearly younger does.
  await beat('origin-2', two, []);
  assert.equal((await plane.call('GET', '/v1/streams/show')).body['origin'], 'origin-2');
  plane.clock.advance(5_001);
  await beat('origin-2', two, []);
  assert.equal((await plane.call('GET', '/v1/streams/show')).body['origin'], null);
  // A publish that an origin let in while the control plane was away is claimed by its heartbeat.
  await beat('origin-1', one, [{ name: 'show', epochOrdinal: 5 }]);
  assert.equal((await plane.call('GET', '/v1/streams/show')).body['origin'], 'origin-1');
  // Its holder gone, anybody may have it.
  await plane.call('DELETE', '/v1/nodes/origin-1');
  assert.equal((await claim('origin-2', two)).body['lastEpochOrdinal'], 5);
});

test('tokens are made once, kept for their owner alone, and taken up again', async () => {
  await using plane = await startTestPlane({ env: { HEADWATER_ADMIN_TOKEN: '', HEADWATER_JOIN_TOKEN: '' } });
  const path = join(plane.dataDir, 'admin-token');
  const token = (await readFile(path, 'utf8')).trim();
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.equal((await stat(join(plane.dataDir, 'join-token'))).mode & 0o777, 0o600);
  assert.equal((await stat(join(plane.dataDir, 'control-plane', 'state.db'))).mode & 0o777, 0o600);
  assert.equal((await plane.call('GET', '/v1/streams', undefined, token)).status, 200);
  await plane.restart();
  assert.equal((await plane.call('GET', '/v1/streams', undefined, token)).status, 200);
  assert.equal((await plane.call('GET', '/v1/streams', undefined, ADMIN)).status, 401);
});
