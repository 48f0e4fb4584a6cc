import assert from 'node:assert/strict';
import { mkdir, mkdtempDisposable, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { removeStrays, workersDirectory } from './cache-directory.ts';

/** What an edge of one process has. */
const ALONE = ['000000000001.index', '000000000001.records', 'purges.log', 'purges.log.new'];

for (const [workers, kept] of [
  [3, ['lost+found', 'worker-1', 'worker-2', 'worker-3']],
  [2, ['lost+found', 'worker-1', 'worker-2']],
  [1, [...ALONE.slice(0, 2), 'lost+found', ...ALONE.slice(2)]],
] as const) {
  test(`what is of another edge than one of ${workers} worker(s) goes, and nothing that is of none`, async () => {
    await using root = await mkdtempDisposable(join(tmpdir(), 'headwater-strays-'));
    for (const name of [...ALONE, 'lost+found']) await writeFile(join(root.path, name), 'x');
    for (const worker of [1, 2, 3]) {
      await mkdir(workersDirectory(root.path, worker));
      await writeFile(join(workersDirectory(root.path, worker), '1.records'), 'x');
    }
    await removeStrays(root.path, workers);
    assert.deepEqual((await readdir(root.path)).toSorted(), kept);
  });
}

test('where nothing is, nothing goes', async () => {
  await using root = await mkdtempDisposable(join(tmpdir(), 'headwater-strays-'));
  await removeStrays(join(root.path, 'none'), 2);
  assert.deepEqual(await readdir(root.path), []);
});
