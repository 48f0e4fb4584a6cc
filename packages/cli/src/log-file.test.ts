import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { LogFile } from './log-file.ts';

/** Linux' own full disk. */
const FULL_DEVICE = '/dev/full';
const ON_LINUX = existsSync(FULL_DEVICE) ? {} : { skip: 'this system has no /dev/full' };

test('turns at its limit and keeps one old file', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'headwater-log-'));
  const path = join(directory, 'a.log');
  {
    await using log = await LogFile.open(path, { limitBytes: 10 });
    for (const chunk of ['12345', '67890', 'abcde', 'fghij', 'k']) await log.write(Buffer.from(chunk));
  }
  assert.equal(await readFile(`${path}.1`, 'utf8'), 'abcdefghij');
  assert.equal(await readFile(path, 'utf8'), 'k');
  {
    await using log = await LogFile.open(path, { limitBytes: 10 });
    await log.write(Buffer.from('lm'));
  }
  assert.equal(await readFile(path, 'utf8'), 'klm');
  await rm(directory, { recursive: true });
});

test('a full disk loses lines and nothing else, and that is told once', ON_LINUX, async () => {
  const losses: string[] = [];
  await using log = await LogFile.open(FULL_DEVICE, { onLoss: (reason) => losses.push(reason) });
  await log.write(Buffer.from('lost\n'));
  await log.write(Buffer.from('lost, too\n'));
  assert.equal(losses.length, 1);
  assert.match(losses[0] ?? '', /^ENOSPC/);
});
