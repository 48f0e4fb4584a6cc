import assert from 'node:assert/strict';
import { createSecretKey } from 'node:crypto';
import { after, before, test } from 'node:test';
import type { FeedMessage, Issuer } from '@headwater/protocol/feed';
import { type SessionClaims, mintSessionToken } from '@headwater/protocol/session-token';
import { ask, feedOf, startRig } from './edge-rig.ts';
import { FakeOrigin } from './fake-origin.ts';
import type { RunningEdge } from './start-edge.ts';

const SECRET = Buffer.alloc(32, 5).toString('base64url');
const ISSUER: Issuer = { iss: 'backend', alg: 'HS256', secret: SECRET };
let edge: RunningEdge;
let origin: FakeOrigin;

before(async () => {
  origin = await FakeOrigin.start([]);
  const issuer: FeedMessage = { type: 'issuer', issuer: ISSUER };
  const revoked: FeedMessage = { type: 'revocation', session: 'gone', atMs: Date.now() };
  edge = await startRig(feedOf(origin.url, [issuer, revoked]), { limits: { deadlineMs: 50 } });
});
after(async () => {
  await edge[Symbol.asyncDispose]();
  await origin[Symbol.asyncDispose]();
});

function session(change: Partial<SessionClaims> = {}, secret = SECRET): string {
  const exp = Math.floor(Date.now() / 1000) + 600;
  const claims = { exp, iat: exp - 700, cdniuc: 'regex:https?://[^/]+/live/(show|nothing)/.*', hwsid: 's1' };
  return mintSessionToken(
    { ...claims, ...change },
    { iss: 'backend', alg: 'HS256', key: createSecretKey(Buffer.from(secret, 'base64url')) },
  );
}

test('a session token, wherever it travels, buys the same target under a path token', async () => {
  const jwt = session();
  const asks = [
    [`/live/show/master.m3u8?a=1&URISigningPackage=${jwt}&b=2`, {}, '?a=1&b=2'],
    [`/live/show/master.m3u8;URISigningPackage=${jwt}`, {}, ''],
    ['/live/show/master.m3u8?from=5', { cookie: `x=1; URISigningPackage=${jwt}` }, '?from=5'],
    ['/live/show/master.m3u8', { authorization: `Bearer ${jwt}` }, ''],
  ] as const;
  for (const [path, headers, query] of asks) {
    const answer = await ask(edge, path, { headers });
    assert.equal(answer.status, 307, path);
    assert.equal(answer.headers['cache-control'], 'private, no-store');
    const location = String(answer.headers.location);
    assert.match(location, /^\/t\/1\.k1\.s1\.live~show\.[^/]+\/live\/show\/master\.m3u8(\?|$)/);
    assert.equal(location.slice(location.indexOf('.m3u8') + 5), query);
    const followed = await ask(edge, location);
    assert.notEqual(followed.status, 403, followed.text);
  }
});

test('a session token that is not good for this buys nothing', async () => {
  const past = Math.floor(Date.now() / 1000) - 1;
  const cases = [
    [session({}, Buffer.alloc(32, 6).toString('base64url')), 'session_signature', 'show'],
    [session({ exp: past }), 'session_expired', 'show'],
    [session({ nbf: past + 600 }), 'session_not_yet_valid', 'show'],
    [session({ cdniuc: 'regex:https?://[^/]+/live/open/.*' }), 'session_container', 'show'],
    [session({ hwip: '203.0.113.0/24' }), 'session_address', 'show'],
    [session({ jti: 'once' }), 'session_replayed', 'show'],
    [session({ hwsid: 'gone' }), 'token_revoked', 'show'],
    ['rubbish', 'session_malformed', 'show'],
  ] as const;
  for (const [jwt, code, stream] of cases) {
    const answer = await ask(edge, `/live/${stream}/master.m3u8?URISigningPackage=${jwt}`);
    assert.deepEqual([answer.status, answer.code], [403, code]);
  }
  const unknown = await ask(edge, `/live/nothing/master.m3u8?URISigningPackage=${session()}`);
  assert.deepEqual([unknown.status, unknown.code], [404, 'stream_not_found']);
});

test('a token for one stream opens no other, whatever stands around it', async () => {
  const jwt = session({ cdniuc: 'regex:https?://[^/]+/live/open/[^?]*(\\?.*)?' });
  const climb = '/../../open/master.m3u8';
  const paths = [
    `/live/show/master.m3u8;URISigningPackage=${jwt}${climb}`,
    `/live/show/master.m3u8?URISigningPackage=${jwt}${climb}`,
    `/live/show/master.m3u8;URISigningPackage=${jwt}${climb.replaceAll('.', '%2e')}`,
    `/live/show/master.m3u8?a=1&URISigningPackage=${jwt}${climb}`,
  ];
  for (const path of paths) {
    const answer = await ask(edge, path);
    assert.deepEqual([answer.status, answer.code], [403, 'session_container'], path);
  }
  for (const host of ['e/live/open/a?', 'e/live/open/a#', 'a@e', 'a b', '[', 'e:x', '']) {
    const answer = await ask(edge, `/live/show/master.m3u8?URISigningPackage=${jwt}`, { headers: { host } });
    assert.deepEqual(
      [answer.status, answer.code],
      host === '' ? [403, 'session_container'] : [400, 'bad_request'],
      host,
    );
  }
});
