import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FeedPage, Purge } from '@headwater/protocol/feed';
import { FeedState } from '@headwater/protocol/feed-state';
import { createCache } from './cache.ts';
import { Fills } from './fill.ts';
import { purgeAfter } from './purge.ts';
import { storeText } from './stored.ts';
import { ZoneTable } from './zone/zone-table.ts';

const KEYS = ['show/v0/abcdefgh/1.m4s', 'show/v0/abcdefgh/2.m4s', 'show-2/v0/abcdefgh/1.m4s'];
const QUIET = {
  fillStarted: () => undefined,
  fillJoined: () => undefined,
  fillEnded: () => undefined,
  recipeThrew: () => undefined,
};

function makeParts() {
  const cache = createCache(1_000_000);
  const limits = { limit: 9, limitBytes: 1024, objectLimitBytes: 1_000, deadlineMs: 1_000 };
  const fills = new Fills({ cache, events: QUIET, ...limits });
  for (const key of KEYS) cache.set(key, storeText('text/plain', key));
  const hosts = ['www.example'];
  const site = { name: 'site', hosts, pathPrefix: '/', origins: ['http://o'], policy: 'public' } as const;
  return { cache, fills, zones: { table: new ZoneTable(new FeedState(), [site]) } };
}

function page(purge: Omit<Purge, 'id' | 'soft' | 'atMs'>): FeedPage {
  return {
    cursor: 'c',
    snapshot: false,
    messages: [{ type: 'purge', purge: { id: 'p1', soft: false, atMs: 1, ...purge } }],
  };
}

for (const [name, order, left] of [
  ['a URL', { url: '/live/show/v0/abcdefgh/1.m4s' }, [1, 2]],
  ['a URL with host and query', { url: 'https://edge.example/live/show/v0/abcdefgh/1.m4s?x=1' }, [1, 2]],
  ['a prefix', { prefix: '/live/show/' }, [2]],
  ['a stream’s tag', { tag: 'stream:show' }, [2]],
  ['everything', { all: true }, []],
  ['a URL of nothing here', { url: '/elsewhere' }, [0, 1, 2]],
  ['everything by its root', { prefix: '/' }, []],
  ['everything by the beginning of its root', { prefix: 'https://edge.example/li' }, []],
  ['everything, with a query', { prefix: '/live/?x=1' }, []],
  ['a prefix of nothing here', { prefix: 'https://other.example/elsewhere/' }, [0, 1, 2]],
  ['everything of a pull zone’s host', { prefix: 'https://WWW.example:8443/' }, [0, 1, 2]],
  ['an order that cannot be read', { prefix: '/live/../live/' }, [0, 1, 2]],
  ['a tag of nothing here', { tag: 'other' }, [0, 1, 2]],
] as const) {
  test(`a purge of ${name}`, () => {
    const parts = makeParts();
    const purged = purgeAfter(page(order), parts);
    const kept = new Set(left.map((index) => KEYS[index]));
    assert.deepEqual(new Set(parts.cache.keys()), kept);
    assert.deepEqual(purged, [{ id: 'p1', objects: KEYS.length - kept.size }]);
  });
}

test('a snapshot empties the cache: orders may have been missed', () => {
  const parts = makeParts();
  purgeAfter({ cursor: 'c', snapshot: true, messages: [] }, parts);
  assert.equal(parts.cache.size, 0);
});

test('what is on its way in at that moment serves its readers and is not stored', async () => {
  const parts = makeParts();
  const { promise: end, resolve } = Promise.withResolvers<void>();
  const stored = storeText('text/plain', 'old');
  const key = 'show/v0/abcdefgh/3.m4s';
  const opened = parts.fills.joinOrStart(key, async () => {
    await end;
    return { ok: true, stored };
  });
  purgeAfter(page({ tag: 'stream:show' }), parts);
  const fresh = storeText('text/plain', 'new');
  const again = parts.fills.joinOrStart(key, async () => ({ ok: true, stored: fresh }));
  assert.equal(again?.joined, false, 'who asks after the purge does not join');
  const patience = { withinMs: 1_000, signal: new AbortController().signal };
  await again.fill.whole(patience);
  resolve();
  assert.deepEqual(await opened?.fill.whole(patience), { ok: true, stored });
  assert.equal(parts.cache.get(key), fresh);
});
