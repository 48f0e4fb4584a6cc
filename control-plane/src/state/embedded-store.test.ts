/** What is the embedded store's alone: its disk. */

import assert from 'node:assert/strict';
import { mkdtempDisposable, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openDatabase } from '../database.ts';
import { openEmbeddedStore } from './embedded-store.ts';
import { type Step, StoreUnavailable } from './store.ts';

test('a full disk keeps nothing of a step, and all of the rest; once there is room it writes again', async () => {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'headwater-full-'));
  using database = openDatabase(join(directory.path, 'state.db'));
  const told: boolean[] = [];
  const store = openEmbeddedStore(database, { onAvailable: (available) => told.push(available) });
  await store.commit({ changes: [{ collection: 'stream', id: 'kept', expect: 0, body: 1 }] });
  const { page_count: pages } = database.prepare('PRAGMA page_count').get() as { page_count: number };
  database.exec(`PRAGMA max_page_count = ${pages}`);

  const body = 'x'.repeat(100_000);
  const log = [{ type: 'node-removed', id: 'a' }] as const;
  const head = await store.head();
  const large = { changes: [{ collection: 'stream', id: 'large', expect: 0, body }], log } as const;
  for (let tries = 0; tries < 2; tries += 1) {
    await assert.rejects(
      store.commit(large),
      (error) => error instanceof StoreUnavailable && /full/.test(error.message),
    );
  }
  assert.equal((await store.get('stream', 'kept'))?.body, 1);
  assert.equal(await store.get('stream', 'large'), null);
  assert.equal(await store.head(), head);

  database.exec('PRAGMA max_page_count = 1000000');
  assert.equal(await store.commit(large), 'done');
  assert.deepEqual(told, [false, true], 'told once when it goes, and once when it comes back');
});

test('nothing is written into a file that is gone from its place', async () => {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'headwater-gone-'));
  const [path, aside] = [join(directory.path, 'state.db'), join(directory.path, 'aside.db')];
  using database = openDatabase(path);
  const told: boolean[] = [];
  const store = openEmbeddedStore(database, { onAvailable: (available) => told.push(available) });
  const step = (id: string): Step => ({ changes: [{ collection: 'stream', id, expect: 0, body: 1 }] });
  await store.commit(step('kept'));
  await rename(path, aside);
  await assert.rejects(store.commit(step('lost')), StoreUnavailable);
  openDatabase(path).close();
  await assert.rejects(store.commit(step('lost')), StoreUnavailable, 'another file stands there');
  assert.equal((await store.get('stream', 'kept'))?.body, 1, 'what was known is still told');
  await rm(path);
  await rename(aside, path);
  assert.equal(await store.commit(step('again')), 'done');
  assert.deepEqual(told, [false, true]);
});
