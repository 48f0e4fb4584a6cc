import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Fence } from '../registry/registry.ts';
import { Deposed, FencedStore } from './fenced-store.ts';
import { STORES } from './test-stores.ts';

const BODY = { collection: 'stream', id: 'a', body: 1 } as const;

for (const [name, makePlace] of STORES) {
  test(`over the ${name} store, a leader writes until a newer one has`, async () => {
    await using place = await makePlace(50);
    const store = await place.reopen();
    const leader = (fence: Fence | null) => new FencedStore(store, () => ({ isLeader: fence !== null, fence }));
    const put = (fence: Fence | null, id: string) => leader(fence).commit({ changes: [{ ...BODY, id, expect: 0 }] });
    assert.equal(await put({ scope: 'x', index: 3 }, 'a'), 'done');
    assert.equal(await put({ scope: 'x', index: 3 }, 'b'), 'done');
    await assert.rejects(put({ scope: 'x', index: 2 }, 'c'), Deposed);
    await assert.rejects(put(null, 'c'), Deposed);
    assert.equal(await put({ scope: 'x', index: 4 }, 'a'), 'conflict');
    assert.equal(await put({ scope: 'x', index: 4 }, 'c'), 'done');
    await assert.rejects(put({ scope: 'x', index: 3 }, 'd'), Deposed);
    // A registry that lost its data counts from the start again.
    assert.equal(await put({ scope: 'y', index: 1 }, 'd'), 'done');
    assert.deepEqual(
      (await store.list('stream')).map(({ id }) => id),
      ['a', 'b', 'c', 'd'],
    );
  });

  test(`over the ${name} store, of two leaders that write at once only the newer goes on`, async () => {
    await using place = await makePlace(50);
    const store = await place.reopen();
    const of = (index: number) => new FencedStore(store, () => ({ isLeader: true, fence: { scope: 'x', index } }));
    const [older, newer] = [of(1), of(2)];
    const outcomes = await Promise.allSettled(
      [older, newer].map((leader, id) => leader.commit({ changes: [{ ...BODY, id: String(id), expect: 0 }] })),
    );
    const done = outcomes.filter((outcome) => outcome.status === 'fulfilled' && outcome.value === 'done');
    assert.equal(done.length, 1);
    assert.equal(await newer.commit({ changes: [{ ...BODY, id: 'z', expect: 0 }] }), 'done');
    await assert.rejects(older.commit({ changes: [{ ...BODY, id: 'y', expect: 0 }] }), Deposed);
  });
}
