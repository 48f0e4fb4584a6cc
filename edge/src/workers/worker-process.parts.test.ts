import assert from 'node:assert/strict';
import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readConfig } from '../config.ts';
import { WorkerProcess } from './worker-process.ts';

test('one that has ended lends nothing, has nothing left to end, and says so', async () => {
  await using root = await mkdtempDisposable(join(tmpdir(), 'headwater-ended-'));
  const entry = join(root.path, 'ends-at-once.mjs');
  await writeFile(entry, '');
  const { promise: ended, resolve: onEnd } = Promise.withResolvers<void>();
  const worker = new WorkerProcess({
    entry,
    begin: { kind: 'begin', worker: 1, config: readConfig({}), directory: '', known: null, missed: [], isHeir: false },
    listener: null,
    onServing: () => assert.fail('it serves'),
    onWish: () => undefined,
    onUsed: () => undefined,
    onEnd: () => onEnd(),
  });
  await ended;
  assert.equal(await worker.lend(), null);
  await worker.retire();
  await worker.stop(1_000);
});
