import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FeedPage } from '@headwater/protocol/feed';
import { FeedState } from '@headwater/protocol/feed-state';
import { type SessionExpectation, verifySessionToken } from '@headwater/protocol/session-token';
import { addKey } from './test-accounts.ts';
import { type Answer, type TestPlane, joinAs, startTestPlane } from './test-plane.ts';

const VIP = {
  name: 'vip',
  hosts: ['www.example', 'example'],
  origins: ['http://o'],
  policy: 'token',
};

function assertProblem({ status, body }: Answer, wantedStatus: number, code: string): void {
  assert.deepEqual([status, body['code']], [wantedStatus, code], JSON.stringify(body));
}

async function stateOf(plane: TestPlane, credential: string): Promise<FeedState> {
  const state = new FeedState();
  state.apply((await plane.call('GET', '/v1/feed', undefined, credential)).body as unknown as FeedPage);
  return state;
}

test('a minted token opens its zone, and no other zone or stream whatever the URI', async () => {
  await using plane = await startTestPlane();
  const { call } = plane;
  const credential = await joinAs(plane, { id: 'edge-1', url: 'http://edge-1.example:8080' });
  await call('POST', '/v1/zones', { ...VIP, pathPrefix: '/films.(new)/' });
  const made = await call('POST', '/v1/tokens', { zone: 'vip', path: '/films.(new)/1?x', ttlSeconds: 60 });
  assert.equal(made.status, 201);
  const { token, session, expiresAt, urls } = made.body as Record<string, string> & { urls: { url: string } };
  assert.equal(expiresAt, '2026-11-24T12:01:00.000Z');
  assert.equal(urls.url, `http://www.example:8080/films.(new)/1?x&URISigningPackage=${token}`);
  const { issuers } = await stateOf(plane, credential);
  const outcome = (change: Partial<SessionExpectation>) => {
    const request = {
      uri: urls.url,
      scope: 'zone/vip',
      address: '203.0.113.7',
      nowMs: plane.clock.nowMs(),
      issuers,
    } as const;
    const verdict = verifySessionToken(token ?? '', { ...request, ...change });
    return verdict.ok ? verdict.session.id : verdict.code;
  };
  assert.equal(outcome({}), session);
  assert.equal(outcome({ uri: 'https://example/films.(new)/2/part' }), session);
  assert.equal(outcome({ uri: 'https://example/films_(new)/2' }), 'session_container');
  for (const scope of ['zone/other', 'zone/vip2', 'live/vip'] as const)
    assert.equal(outcome({ scope }), 'session_container');
  const short = await call('POST', '/v1/tokens', { zone: 'vip', ttlSeconds: 9, ip: '203.0.113.0/24' });
  const { url } = short.body['urls'] as { url: string };
  assert.ok(url.startsWith('http://www.example:8080/films.(new)/?URISigningPackage='), url);
  await call('POST', '/v1/zones', { name: 'any', origins: ['http://o'], policy: 'token' });
  const any = await call('POST', '/v1/tokens', { zone: 'any', ttlSeconds: 9 });
  assert.ok((any.body['urls'] as { url: string }).url.startsWith('http://edge-1.example:8080/?'));
});

test('an order is for a stream or a zone that is there, and for a path of it', async () => {
  await using plane = await startTestPlane();
  const order = async (body: object) => plane.call('POST', '/v1/tokens', { ttlSeconds: 9, ...body });
  await plane.call('POST', '/v1/zones', { ...VIP, pathPrefix: '/films' });
  assertProblem(await order({ zone: 'none' }), 404, 'zone_not_found');
  for (const body of [{}, { zone: 'vip', stream: 'show' }, { stream: 'show', path: '/films' }, { zone: 'a/b' }])
    assertProblem(await order(body), 400, 'bad_field');
  for (const path of ['/filmstar', '/', 'films', '/films/../x', '/films/é', '//films'])
    assertProblem(await order({ zone: 'vip', path }), 400, 'bad_field');
  for (const path of ['/films', '/films/', '/films/1?a=b', '/%66ilms/1'])
    assert.equal((await order({ zone: 'vip', path })).status, 201);
});

test('a zone’s tokens are revoked by its name, by who is for more than some streams', async () => {
  await using plane = await startTestPlane();
  const { call } = plane;
  const credential = await joinAs(plane);
  await call('POST', '/v1/zones', { ...VIP, pathPrefix: '/' });
  const revoked = await call('POST', '/v1/revocations', { zone: 'vip' });
  assert.deepEqual(revoked.body, { zone: 'vip', revokedAt: '2026-11-24T12:00:00.000Z' });
  const state = await stateOf(plane, credential);
  assert.ok(state.isRevoked('s', 'zone/vip', plane.clock.nowMs()));
  assert.ok(!state.isRevoked('s', 'zone/vip', plane.clock.nowMs() + 1_000) && !state.isRevoked('s', 'live/vip'));
  const copy = new FeedState();
  copy.apply(JSON.parse(JSON.stringify(state.snapshot())) as FeedPage);
  assert.ok(copy.isRevoked('s', 'zone/vip') && !copy.isRevoked('s', 'live/vip'));
  for (const body of [{}, { zone: 'vip', stream: 'show' }, { zone: 'vip', session: 's' }])
    assertProblem(await call('POST', '/v1/revocations', body), 400, 'bad_field');
  const scoped = await addKey(plane, { role: 'viewer-issuer', streams: ['vip'] });
  assertProblem(await call('POST', '/v1/revocations', { zone: 'vip' }, scoped), 403, 'stream_out_of_scope');
  assertProblem(await call('POST', '/v1/tokens', { zone: 'vip', ttlSeconds: 9 }, scoped), 403, 'stream_out_of_scope');
  const issuer = await addKey(plane, { role: 'viewer-issuer' });
  assert.equal((await call('POST', '/v1/tokens', { zone: 'vip', ttlSeconds: 9 }, issuer)).status, 201);
  assert.equal((await call('POST', '/v1/revocations', { zone: 'vip' }, issuer)).status, 201);
});
