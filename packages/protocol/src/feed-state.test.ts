import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FeedMessage, PathKey, StreamEntry } from './feed.ts';
import { FeedState, REVOCATION_LIMIT } from './feed-state.ts';
import type { NodeRecord } from './node.ts';
import { testRecord } from './test-node.ts';
import type { ZoneEntry } from './zone.ts';

const KEY: PathKey = { kid: 'k1', secret: Buffer.alloc(32, 1).toString('base64url'), state: 'current' };
const SHOW: StreamEntry = { name: 'show', policy: 'token', keyHash: 'h', origin: null, ladder: null };

const SITE: ZoneEntry = { name: 'site', hosts: ['*'], pathPrefix: '/', origins: ['http://a'], policy: 'token' };

function node(id: string, change: Partial<NodeRecord> = {}): NodeRecord {
  return testRecord({ id, ...change });
}

function snapshot(...messages: FeedMessage[]) {
  return { cursor: 'c.1', snapshot: true, messages };
}

test('messages fold into look-ups, and a snapshot of the state gives an equal state', () => {
  const state = new FeedState();
  assert.equal(state.cursor, null);
  assert.equal(state.snapshot(), null);
  assert.equal(state.keyring.current, null);
  const issuer = { iss: 'backend', alg: 'HS256', secret: 'x' } as const;
  state.apply(
    snapshot(
      { type: 'path-keys', keys: [KEY] },
      { type: 'stream', stream: SHOW },
      { type: 'issuer', issuer },
      { type: 'zone', zone: SITE },
      { type: 'node', node: node('edge-1') },
    ),
  );
  state.apply({
    cursor: 'c.4',
    snapshot: false,
    messages: [
      { type: 'stream', stream: { ...SHOW, origin: 'origin-1' } },
      { type: 'revocation', session: 's1', atMs: 5 },
      { type: 'revocation', stream: 'show', atMs: 10_000 },
      { type: 'purge', purge: { id: 'p1', all: true, soft: true, atMs: 20_000 } },
    ],
  });
  const copy = new FeedState();
  copy.apply(JSON.parse(JSON.stringify(state.snapshot())));
  for (const each of [state, copy]) {
    assert.equal(each.cursor, 'c.4');
    assert.equal(each.keyring.current?.kid, 'k1');
    assert.equal(each.streams.get('show')?.origin, 'origin-1');
    assert.deepEqual(each.issuers.get('backend'), issuer);
    assert.deepEqual(each.zones.get('site'), SITE);
    assert.equal(each.nodes.get('edge-1')?.healthy, true);
    assert.ok(each.isRevoked('s1', 'live/other'));
    assert.ok(each.isRevoked('s2', 'live/show'));
    assert.ok(each.isRevoked('s2', 'live/show', 10_000));
    assert.ok(!each.isRevoked('s2', 'live/show', 10_001));
    assert.ok(!each.isRevoked('s2', 'live/other'));
    assert.deepEqual(each.lastPurge, { id: 'p1', atMs: 20_000 });
  }
  state.apply({
    cursor: 'c.7',
    snapshot: false,
    messages: [
      { type: 'stream-removed', name: 'show' },
      { type: 'issuer-removed', iss: 'backend' },
      { type: 'zone-removed', name: 'site' },
      { type: 'node-removed', id: 'edge-1' },
    ],
  });
  assert.deepEqual([state.streams.size, state.issuers.size, state.zones.size, state.nodes.size], [0, 0, 0, 0]);
});

test('a snapshot replaces what was known, but never the fleet by nothing', () => {
  const state = new FeedState();
  const origin = node('origin-1', { role: 'origin' });
  state.apply(
    snapshot(
      { type: 'path-keys', keys: [KEY] },
      { type: 'stream', stream: SHOW },
      { type: 'zone', zone: SITE },
      { type: 'node', node: node('edge-1') },
      { type: 'node', node: origin },
      { type: 'revocation', session: 's1', atMs: 5 },
    ),
  );
  state.apply(snapshot());
  assert.deepEqual([...state.nodes.keys()], ['edge-1', 'origin-1']);
  assert.equal(state.keyring.current?.kid, 'k1');
  assert.deepEqual([state.streams.size, state.zones.size], [0, 0]);
  assert.ok(!state.isRevoked('s1', 'live/show'));
  // Known to be down is not yet a fleet; one healthy edge replaces the edges, and the origins stay.
  state.apply(snapshot({ type: 'node', node: node('edge-2', { healthy: false }) }));
  assert.deepEqual([...state.nodes.keys()], ['edge-1', 'origin-1', 'edge-2']);
  state.apply(snapshot({ type: 'node', node: node('edge-3') }));
  assert.deepEqual([...state.nodes.keys()], ['origin-1', 'edge-3']);
});

test('what makes kept verdicts stale moves the security revision; the rest does not', () => {
  const state = new FeedState();
  state.apply(snapshot({ type: 'path-keys', keys: [KEY] }, { type: 'stream', stream: SHOW }));
  const moved = (message: FeedMessage) => {
    const before = state.securityRevision;
    state.apply({ cursor: 'c', snapshot: false, messages: [message] });
    return state.securityRevision > before;
  };
  assert.ok(!moved({ type: 'stream', stream: { ...SHOW, origin: 'origin-1' } }));
  assert.ok(!moved({ type: 'node', node: node('edge-1') }));
  assert.ok(moved({ type: 'stream', stream: { ...SHOW, policy: 'public' } }));
  assert.ok(moved({ type: 'revocation', session: 's', atMs: 1 }));
  assert.ok(moved({ type: 'path-keys', keys: [KEY] }));
  assert.ok(moved({ type: 'issuer-removed', iss: 'x' }));
  assert.ok(moved({ type: 'zone', zone: SITE }));
  assert.ok(moved({ type: 'zone-removed', name: 'site' }));
});

test('whatever may change a zone moves the zones’ revision; nothing else does', () => {
  const state = new FeedState();
  const moved = (page: { snapshot: boolean; messages: FeedMessage[] }) => {
    const before = state.zonesRevision;
    state.apply({ cursor: 'c', ...page });
    return state.zonesRevision > before;
  };
  assert.ok(moved({ snapshot: false, messages: [{ type: 'zone', zone: SITE }] }));
  assert.ok(!moved({ snapshot: false, messages: [{ type: 'stream', stream: SHOW }] }));
  assert.ok(moved({ snapshot: true, messages: [] }));
  assert.ok(moved({ snapshot: false, messages: [{ type: 'zone-removed', name: 'site' }] }));
});

test('revocations are bounded: beyond the limit the oldest goes', () => {
  const state = new FeedState();
  const messages = Array.from({ length: REVOCATION_LIMIT }, (_, n) => ({
    type: 'revocation' as const,
    session: `s${n}`,
    atMs: n,
  }));
  state.apply({ cursor: 'c', snapshot: true, messages });
  assert.ok(state.isRevoked('s0', 'live/show'));
  state.apply({ cursor: 'c', snapshot: false, messages: [{ type: 'revocation', session: 'one-more', atMs: 1 }] });
  assert.ok(!state.isRevoked('s0', 'live/show'));
  assert.ok(state.isRevoked('s1', 'live/show'));
  assert.ok(state.isRevoked('one-more', 'live/show'));
});
