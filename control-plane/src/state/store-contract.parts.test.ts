/** What every Store must do. Another implementation is another row of the table. */

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { FeedMessage } from '@headwater/protocol/feed';
import type { Change, Store } from './store.ts';
import { STORES } from './test-stores.ts';

const LOG_LIMIT = 50;

function put(id: string, expect: number, body: unknown): Change {
  return { collection: 'stream', id, expect, body };
}

function removed(id: string): FeedMessage {
  return { type: 'node-removed', id };
}

async function revisionOf(store: Store, id: string): Promise<number> {
  return (await store.get('stream', id))?.revision ?? 0;
}

for (const [name, makePlace] of STORES) {
  suite(`the ${name} store`, () => {
    test('makes, replaces and deletes documents, each only as its writer saw it', async () => {
      await using place = await makePlace(LOG_LIMIT);
      const store = await place.reopen();
      const body = { text: 'a "quoted" text\nof two lines', none: [], empty: {}, nothing: null, number: 1.5 };
      assert.equal(await store.get('stream', 'a'), null);
      assert.equal(await store.commit({ changes: [put('a', 0, body)] }), 'done');
      assert.equal(await store.commit({ changes: [put('a', 0, 'other')] }), 'conflict');
      const made = await store.get('stream', 'a');
      assert.deepEqual(made?.body, body);
      assert.equal(await store.commit({ changes: [put('a', made.revision, 'next')] }), 'done');
      assert.equal(await store.commit({ changes: [put('a', made.revision, 'late')] }), 'conflict');
      assert.equal((await store.get('stream', 'a'))?.body, 'next');
      assert.equal(await store.get('issuer', 'a'), null, 'collections are apart');
      assert.equal(await store.commit({ changes: [put('a', made.revision, undefined)] }), 'conflict');
      assert.equal(await store.commit({ changes: [put('a', await revisionOf(store, 'a'), undefined)] }), 'done');
      assert.equal(await store.get('stream', 'a'), null);
    });

    test('a document that was deleted and made again has a new revision', async () => {
      await using place = await makePlace(LOG_LIMIT);
      const store = await place.reopen();
      await store.commit({ changes: [put('a', 0, 1)] });
      const first = await revisionOf(store, 'a');
      await store.commit({ changes: [put('a', first, undefined)] });
      await store.commit({ changes: [put('a', 0, 2)] });
      assert.notEqual(await revisionOf(store, 'a'), first);
      assert.equal(await store.commit({ changes: [put('a', first, 3)] }), 'conflict');
    });

    test('a step is whole or not at all, its log included', async () => {
      await using place = await makePlace(LOG_LIMIT);
      const store = await place.reopen();
      const cursor = await store.head();
      const both = { changes: [put('a', 0, 1), put('b', 7, 1)], log: [removed('x')] };
      assert.equal(await store.commit(both), 'conflict');
      assert.equal(await store.get('stream', 'a'), null);
      assert.deepEqual((await store.changesSince(cursor, 9))?.messages, []);
      const room = { collection: 'stream', most: 2 } as const;
      assert.equal(
        await store.commit({ changes: [put('a', 0, 1), put('b', 0, 1)], log: [removed('x')], room }),
        'done',
      );
      assert.equal(await store.commit({ changes: [put('c', 0, 1)], log: [removed('y')], room }), 'full');
      assert.equal(await store.count('stream'), 2);
      assert.deepEqual((await store.changesSince(cursor, 9))?.messages, [removed('x')]);
    });

    test('lists by id, in pages', async () => {
      await using place = await makePlace(LOG_LIMIT);
      const store = await place.reopen();
      assert.deepEqual(await store.list('stream'), []);
      const ids = Array.from({ length: 1_203 }, (_, n) => `s${String(n).padStart(5, '0')}`);
      await store.commit({ changes: ids.toReversed().map((id) => put(id, 0, { id })) });
      assert.deepEqual(
        (await store.list('stream')).map(({ id }) => id),
        ids,
      );
      const page = await store.list('stream', { after: 's00009', limit: 3 });
      assert.deepEqual(
        page.map(({ body }) => body),
        [{ id: 's00010' }, { id: 's00011' }, { id: 's00012' }],
      );
      assert.deepEqual(await store.list('stream', { after: 's01202' }), []);
    });

    test('of many at once who change one document, one wins each time', async () => {
      await using place = await makePlace(LOG_LIMIT);
      const store = await place.reopen();
      await store.commit({ changes: [put('n', 0, 0)] });
      async function increment(): Promise<void> {
        for (;;) {
          const there = await store.get('stream', 'n');
          const change = put('n', there?.revision ?? 0, (there?.body as number) + 1);
          if ((await store.commit({ changes: [change] })) === 'done') return;
        }
      }
      await Promise.all(Array.from({ length: 20 }, increment));
      assert.equal((await store.get('stream', 'n'))?.body, 20);
    });

    test('the log forgets its oldest entries, and says so to who comes from before them', async () => {
      await using place = await makePlace(LOG_LIMIT);
      const store = await place.reopen();
      const start = await store.head();
      await store.commit({ changes: [], log: [removed('first')] });
      const first = await store.head();
      for (let n = 0; n < 400; n += 1) await store.commit({ changes: [], log: [removed(`n${n}`)] });
      assert.equal(await store.changesSince(start, 999), null);
      assert.equal(await store.changesSince(first, 999), null);
      const head = await store.head();
      assert.deepEqual(await store.changesSince(head, 9), { cursor: head, snapshot: false, messages: [] });
      await store.commit({ changes: [], log: [removed('a'), removed('b')] });
      assert.deepEqual((await store.changesSince(head, 1))?.messages, [removed('a')]);
    });

    test('facts are shared by topic, the newest counts', async () => {
      await using place = await makePlace(LOG_LIMIT);
      const store = await place.reopen();
      assert.equal((await store.shared('loads')).size, 0);
      await store.share('loads', { 'edge-1': '1', 'edge-2': '2' });
      await store.share('loads', { 'edge-1': '3' });
      await store.share('loads', {});
      assert.deepEqual(
        [...(await store.shared('loads'))].toSorted(([a], [b]) => (a < b ? -1 : 1)),
        [
          ['edge-1', '3'],
          ['edge-2', '2'],
        ],
      );
      assert.equal((await store.shared('cursors')).size, 0);
    });
  });
}
