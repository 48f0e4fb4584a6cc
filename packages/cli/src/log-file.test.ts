import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { LogFile } from './log-file.ts';

test('turns at its limit and keeps one old file', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'headwater-log-'));
  const path = join(directory, 'a.log');
  {
    await using log = await LogFile.open(path, 10);
    for (const chunk of ['12345', '67890', 'abcde', 'fghij', 'k']) await log.write(Buffer.from(chunk));
  }
  assert.equal(await readFile(`${path}.1`, 'utf8'), 'abcdefghij');
  assert.equal(await readFile(path, 'utf8'), 'k');
  {
    await using log = await LogFile.open(path, 10);
    await log.write(Buffer.from('lm'));
  }
  assert.equal(await readFile(path, 'utf8'), 'klm');
  await rm(directory, { recursive: true });
});
