import assert from 'node:assert/strict';
import { createSecretKey } from 'node:crypto';
import { test } from 'node:test';
import type { FeedMessage } from '@headwater/protocol/feed';
import { FeedState } from '@headwater/protocol/feed-state';
import { parseIpPrefix } from '@headwater/protocol/ip-prefix';
import type { NodeRecord } from '@headwater/protocol/node';
import { verifyPathToken } from '@headwater/protocol/path-token';
import { type SessionClaims, mintSessionToken } from '@headwater/protocol/session-token';
import { testRecord } from '@headwater/protocol/test-node';
import { ManualClock } from '@headwater/service/clock';
import { type Door, type DoorRequest, answerDoor, edgeHostsFor } from './door.ts';
import { Departures } from './departures.ts';
import { EdgeViews } from './edge-views.ts';
import { UsedTokens } from './replay-guard.ts';

const NOW_S = 1_800_000_000;
const SECRET = Buffer.alloc(32, 7).toString('base64url');
const ISSUER = { iss: 'shop', alg: 'HS256', secret: SECRET } as const;
const SIGNER = { iss: 'shop', alg: 'HS256', key: createSecretKey(SECRET, 'base64url') } as const;
const LOCATION = { place: { latitude: 50, longitude: 8 }, country: null, asn: null, source: 'default' } as const;

function edge(id: string): NodeRecord {
  return testRecord({ id, url: `http://${id}.example:8080` });
}

function stream(name: string, policy: 'token' | 'public', origin: string | null = 'origin-1'): FeedMessage {
  return { type: 'stream', stream: { name, policy, keyHash: 'x', origin, ladder: null } };
}

function openDoor(...more: FeedMessage[]): Door {
  const state = new FeedState();
  const messages: FeedMessage[] = [
    { type: 'path-keys', keys: [{ kid: 'k1', secret: SECRET, state: 'current' }] },
    { type: 'issuer', issuer: ISSUER },
    stream('show', 'token'),
    stream('news', 'public'),
    stream('dark', 'token', null),
    { type: 'node', node: edge('edge-1') },
    ...more,
  ];
  state.apply({ cursor: '1', snapshot: true, messages });
  const clock = new ManualClock(NOW_S * 1000);
  const replay = new UsedTokens(clock);
  const nodeId = 'geo-1';
  const departures = new Departures({ clock, edgeCount: () => 2 });
  const edges = new EdgeViews({ state, clock, nodeId, probes: { verdict: () => 'unknown' }, departures });
  const trustedProxies: Door['trustedProxies'] = [];
  return {
    state,
    locate: () => LOCATION,
    edges,
    departures,
    clock,
    trustedProxies,
    audience: 'headwater',
    nodeId,
    replay,
  };
}

function ask(url: string, more: Partial<DoorRequest> = {}): DoorRequest {
  const nothing = { forwardedFor: undefined, cookie: undefined, authorization: undefined };
  return { origin: 'http://geo.example:7100', url, socketAddress: '203.0.113.7', ...nothing, ...more };
}

function token(name: string, claims: Partial<SessionClaims> = {}): string {
  const cdniuc = `regex:https?://[^/]+/live/${name}/.*`;
  return mintSessionToken({ exp: NOW_S + 60, iat: NOW_S - 5, hwsid: 'S1', cdniuc, ...claims }, SIGNER);
}

function codeOf(request: DoorRequest, door = openDoor()): string {
  const answer = answerDoor(request, door);
  return answer.kind === 'refused' ? answer.code : 'let in';
}

test('a session token becomes a path token in the URL of an edge', () => {
  const door = openDoor();
  const answer = answerDoor(ask(`/live/show/master.m3u8?URISigningPackage=${token('show')}&from=5`), door);
  assert.equal(answer.kind, 'edges');
  const url = answer.edges[0]?.url ?? '';
  const match = /^http:\/\/edge-1\.example:8080\/t\/([^/]+)\/live\/show\/master\.m3u8\?from=5$/.exec(url);
  assert.ok(match?.[1], url);
  const expect = { scope: 'live/show', address: '203.0.113.7', nowMs: NOW_S * 1000 } as const;
  const verdict = verifyPathToken(match[1], expect, door.state.keyring);
  assert.deepEqual(verdict, {
    ok: true,
    claims: { session: 'S1', scope: 'live/show', notBeforeS: NOW_S - 5, expiresS: NOW_S + 60, bind: null },
  });
});

test('the token may travel in the path, a cookie or Authorization', () => {
  const jwt = token('show');
  assert.equal(codeOf(ask(`/live/show/manifest.mpd;URISigningPackage=${jwt}`)), 'let in');
  assert.equal(codeOf(ask('/live/show/ts.m3u8', { cookie: `a=b; URISigningPackage=${jwt}` })), 'let in');
  assert.equal(codeOf(ask('/live/show/classic.m3u8', { authorization: `Bearer ${jwt}` })), 'let in');
});

test('a public stream needs no token and gets none', () => {
  const answer = answerDoor(ask('/live/news/master.m3u8'), openDoor());
  assert.equal(answer.kind, 'edges');
  assert.equal(answer.edges[0]?.url, 'http://edge-1.example:8080/live/news/master.m3u8');
});

test('each refusal has its code', () => {
  const show = (claims: Partial<SessionClaims>) =>
    codeOf(ask(`/live/show/master.m3u8?URISigningPackage=${token('show', claims)}`));
  assert.equal(codeOf(ask('/live/show/master.m3u8')), 'session_missing');
  assert.equal(codeOf(ask('/live/show/master.m3u8?URISigningPackage=x')), 'session_malformed');
  assert.equal(codeOf(ask(`/live/show/master.m3u8?URISigningPackage=${token('other')}`)), 'session_container');
  assert.equal(show({ exp: NOW_S }), 'session_expired');
  assert.equal(show({ nbf: NOW_S + 1 }), 'session_not_yet_valid');
  assert.equal(show({ hwip: '198.51.100.0/24' }), 'session_address');
  assert.equal(show({ jti: 'once' }), 'let in');
  const altered = token('show').replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'));
  assert.match(codeOf(ask(`/live/show/master.m3u8?URISigningPackage=${altered}`)), /^session_(signature|malformed)$/);
});

test('without a token nobody learns which streams there are', () => {
  assert.equal(codeOf(ask('/live/nothing/master.m3u8')), 'session_missing');
  assert.equal(codeOf(ask(`/live/nothing/master.m3u8?URISigningPackage=${token('nothing')}`)), 'stream_not_found');
  assert.equal(codeOf(ask('/live/dark/master.m3u8')), 'session_missing');
  assert.equal(codeOf(ask(`/live/dark/master.m3u8?URISigningPackage=${token('dark')}`)), 'stream_offline');
});

test('a revoked session stays out', () => {
  const door = openDoor({ type: 'revocation', session: 'S1', atMs: NOW_S * 1000 });
  assert.equal(codeOf(ask(`/live/show/master.m3u8?URISigningPackage=${token('show')}`), door), 'token_revoked');
});

test('a token with a jti opens once', () => {
  const door = openDoor();
  const request = ask(`/live/show/master.m3u8?URISigningPackage=${token('show', { jti: 'once' })}`);
  assert.equal(codeOf(request, door), 'let in');
  assert.equal(codeOf(request, door), 'session_replayed');
});

test('behind a trusted proxy the forwarded address counts', () => {
  const prefix = parseIpPrefix('10.0.0.0/8');
  assert.ok(prefix);
  const door = { ...openDoor(), trustedProxies: [prefix] };
  const bound = `/live/show/master.m3u8?URISigningPackage=${token('show', { hwip: '203.0.113.0/24' })}`;
  assert.equal(codeOf(ask(bound, { socketAddress: '10.0.0.1', forwardedFor: '203.0.113.9' }), door), 'let in');
  assert.equal(codeOf(ask(bound, { socketAddress: '10.0.0.1' }), door), 'session_address');
});

test('every other path is not found', () => {
  for (const url of [
    '/live/news',
    '/live/news/',
    '/live/news/x.m3u8',
    '/live/news/v720/media.m3u8',
    '/live/../master.m3u8',
  ]) {
    assert.equal(codeOf(ask(url)), 'not_found', url);
  }
});

test('no edge at all is said, and so is a door without a key', () => {
  const state = new FeedState();
  const empty: Door = { ...openDoor(), state, edges: { look: () => [] } };
  state.apply({ cursor: '1', snapshot: true, messages: [stream('news', 'public'), stream('show', 'token')] });
  assert.equal(codeOf(ask('/live/news/master.m3u8'), empty), 'no_edge');
  state.apply({ cursor: '2', snapshot: false, messages: [{ type: 'issuer', issuer: ISSUER }] });
  assert.equal(codeOf(ask(`/live/show/master.m3u8?URISigningPackage=${token('show')}`), empty), 'not_ready');
});

test('by DNS only the best edges are named, since whoever asks takes any of them', () => {
  const at = (id: string, host: string, change: Parameters<typeof testRecord>[0] = {}): FeedMessage => {
    const place = { latitude: 50, longitude: 8 };
    return { type: 'node', node: testRecord({ id, url: `http://${host}:8080`, place, ...change }) };
  };
  const hosts = (...more: FeedMessage[]): string[] => {
    const door = openDoor({ type: 'node-removed', id: 'edge-1' }, ...more);
    return edgeHostsFor('198.51.100.7', 'show', door).toSorted();
  };
  const near = [at('a', '192.0.2.1'), at('b', '192.0.2.2'), at('c', '[2001:db8::3]')];
  const far = at('far', '192.0.2.9', { place: { latitude: -34, longitude: 151 } });
  assert.deepEqual(hosts(...near, far), ['192.0.2.1', '192.0.2.2', '2001:db8::3']);
  const young = at('b', '192.0.2.2', { servingSinceMs: NOW_S * 1_000 });
  assert.deepEqual(hosts(at('a', '192.0.2.1'), young), ['192.0.2.1'], 'not half of the viewers at once');
  assert.deepEqual(hosts(at('a', '192.0.2.1'), at('six', '[2001:db8::6]', { draining: true })), [
    '192.0.2.1',
    '2001:db8::6',
  ]);
  assert.deepEqual(hosts(at('a', '192.0.2.1'), at('bare', '2001:db8::7', { draining: true })), ['192.0.2.1']);
});

test('by DNS each kind of address has its best edges, whatever stands before them in the ranking', () => {
  const at = (id: string, host: string, change: Parameters<typeof testRecord>[0] = {}): FeedMessage => {
    const place = { latitude: 50, longitude: 8 };
    return { type: 'node', node: testRecord({ id, url: `http://${host}:8080`, place, failureDomain: 'x', ...change }) };
  };
  const hosts = (...more: FeedMessage[]): string[] => {
    const door = openDoor({ type: 'node-removed', id: 'edge-1' }, ...more);
    return edgeHostsFor('198.51.100.7', 'show', door);
  };
  const far = { failureDomain: 'y', load: { cpu: 0.95 } };
  assert.deepEqual(
    hosts(
      at('a', '192.0.2.1'),
      at('near', '[2001:db8::1]', { place: { latitude: 54, longitude: 8 } }),
      at('busy', '[2001:db8::2]', far),
    ).toSorted(),
    ['192.0.2.1', '2001:db8::1'],
  );
  const many = Array.from({ length: 12 }, (_, n) => at(`v4-${n}`, `192.0.2.${n}`));
  assert.ok(hosts(...many, at('six', '[2001:db8::6]')).includes('2001:db8::6'));
});
