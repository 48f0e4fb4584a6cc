import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FeedMessage } from '@headwater/protocol/feed';
import { type PathClaims, mintPathToken } from '@headwater/protocol/path-token';
import { Gate, type Verdict } from './authorise.ts';
import { KEYS, feedOf } from './edge-rig.ts';
import { type Target, parseTarget } from './target.ts';

const NOW_S = 1_790_000_000;
const HOME = '203.0.113.9';

function target(token: string | null, stream = 'show'): Target {
  const found = parseTarget(`${token === null ? '' : `/t/${token}`}/live/${stream}/master.m3u8`);
  assert.ok(found);
  return found;
}

function token(change: Partial<PathClaims> = {}): string {
  const claims = { session: 's1', scope: 'live/show', notBeforeS: NOW_S, expiresS: NOW_S + 60, bind: null } as const;
  return mintPathToken({ ...claims, ...change }, KEYS);
}

function gateOf(): {
  tell: (message: FeedMessage) => void;
  at: (asked: Target, seconds?: number, from?: string) => string;
} {
  const feed = feedOf('http://origin');
  const gate = new Gate(feed);
  return {
    tell: (message) => feed.apply({ cursor: '2', snapshot: false, messages: [message] }),
    at: (asked, seconds = 0, address = HOME) =>
      say(gate.authorise(asked, { address, nowMs: (NOW_S + seconds) * 1000 })),
  };
}

function say(verdict: Verdict): string {
  if (verdict.kind === 'granted') return verdict.isPrivate ? 'private' : 'public';
  return verdict.kind === 'door' ? 'door' : verdict.code;
}

test('a token that was good is judged anew on every request', () => {
  const { at } = gateOf();
  const good = target(token());
  assert.equal(at(good, -30.001), 'token_not_yet_valid');
  for (const seconds of [-30, 0, 1, 59.999]) assert.equal(at(good, seconds), 'private');
  assert.equal(at(good, 60), 'token_expired');
  assert.equal(at(good, -31), 'token_not_yet_valid');
  assert.equal(at(target(token(), 'open')), 'token_scope');
  const bound = target(token({ bind: '203.0.113.0/24' }));
  for (const address of [HOME, `::ffff:${HOME}`]) assert.equal(at(bound, 0, address), 'private');
  assert.equal(at(bound, 0, '198.51.100.1'), 'token_address');
});

test('what the feed says counts from the next request on', () => {
  const { tell, at } = gateOf();
  const [first, second] = [target(token()), target(token({ session: 's2' }))];
  assert.deepEqual([at(first), at(second)], ['private', 'private']);
  tell({ type: 'revocation', session: 's1', atMs: NOW_S * 1000 });
  assert.deepEqual([at(first), at(second)], ['token_revoked', 'private']);
  tell({ type: 'revocation', stream: 'show', atMs: NOW_S * 1000 });
  assert.equal(at(second), 'token_revoked');
  assert.equal(
    at(target(token({ session: 's3', notBeforeS: NOW_S + 1 })), 2),
    'private',
    'minted after the revocation',
  );
  tell({ type: 'stream-removed', name: 'show' });
  assert.equal(at(target(token({ session: 's3', notBeforeS: NOW_S + 1 })), 2), 'stream_not_found');
  tell({ type: 'path-keys', keys: [] });
  assert.equal(at(target(token({ session: 's3', notBeforeS: NOW_S + 1 })), 2), 'token_unknown_key');
});

test('a public stream is open without a token, and a bad token is bad there too', () => {
  const { tell, at } = gateOf();
  assert.equal(at(target(null, 'open')), 'public');
  assert.equal(at(target('x', 'open')), 'token_malformed');
  assert.equal(at(target(null, 'show')), 'door');
  assert.equal(at(target(null, 'nothing')), 'door');
  const entry = { name: 'open', policy: 'token', keyHash: '', ladder: null, origin: null } as const;
  tell({ type: 'stream', stream: entry });
  assert.equal(at(target(null, 'open')), 'door');
});
