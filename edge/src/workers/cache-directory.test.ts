import assert from 'node:assert/strict';
import { mkdir, mkdtempDisposable, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { removeStrays, workersDirectory } from './cache-directory.ts';

for (const [workers, kept] of [
  [3, ['worker-1', 'worker-2', 'worker-3']],
  [2, ['worker-1', 'worker-2']],
  [1, ['1.records', 'purges']],
] as const) {
  test(`what is not of ${workers} worker(s) goes`, async () => {
    await using root = await mkdtempDisposable(join(tmpdir(), 'headwater-strays-'));
    for (const name of ['1.records', 'purges']) await writeFile(join(root.path, name), 'x');
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
