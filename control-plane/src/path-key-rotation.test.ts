import assert from 'node:assert/strict';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openDatabase } from './database.ts';
import { ensurePathKey, promoteDueKey, rotatePathKey } from './path-key-rotation.ts';
import { openEmbeddedStore } from './state/embedded-store.ts';
import { State } from './state/state.ts';

test('a new key waits five seconds, to the millisecond, before it mints', async () => {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'headwater-keys-'));
  using database = openDatabase(join(directory.path, 'state.db'));
  const state = new State(openEmbeddedStore(database));
  await ensurePathKey(state);
  await ensurePathKey(state);
  const [first, ...none] = await state.pathKeys();
  assert.equal(none.length, 0);
  const rotation = await rotatePathKey(state, 1_000);
  assert.equal(rotation?.currentFromMs, 6_000);
  const states = async () => (await state.pathKeys()).map((key) => [key.kid, key.state]);
  const waiting = [
    [first?.kid, 'current'],
    [rotation.kid, 'previous'],
  ];
  assert.equal(await promoteDueKey(state, 5_999), false);
  assert.deepEqual(await states(), waiting);
  assert.equal(await promoteDueKey(state, 6_000), true);
  assert.deepEqual(await states(), [
    [first?.kid, 'previous'],
    [rotation.kid, 'current'],
  ]);
  assert.equal(await promoteDueKey(state, 9_000), false);
});
