import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Ledger, MAX_LEDGER_ENTRIES } from './ledger.ts';

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hw-ledger-'));
});
after(() => rm(folder, { recursive: true, force: true }));

function unexpected(error: unknown): void {
  assert.fail(String(error));
}

test('keeps entries over a restart', async () => {
  const file = join(folder, 'deep', 'streams.json');
  {
    await using ledger = await Ledger.open(file, unexpected);
    ledger.set('show', { ordinal: 1, newestSegment: 10 });
    ledger.set('show', { ordinal: 2, newestSegment: 11 });
  }
  await using again = await Ledger.open(file, unexpected);
  assert.deepEqual(again.get('show'), { ordinal: 2, newestSegment: 11 });
  assert.equal(again.get('other'), undefined);
});

test('a damaged file is reported and reads as empty', async () => {
  for (const text of ['', '{', '{"a":1}', '{"a":{"ordinal":"x","newestSegment":1}}']) {
    const file = join(folder, 'damaged.json');
    await writeFile(file, text);
    const errors: unknown[] = [];
    await using ledger = await Ledger.open(file, (error) => errors.push(error));
    assert.equal(errors.length, 1, text);
    assert.equal(ledger.get('a'), undefined);
  }
});

test('a folder that cannot be written is reported, and nothing stops', async () => {
  const errors: unknown[] = [];
  await using ledger = await Ledger.open(join(folder, 'gone', 'streams.json'), (error) => errors.push(error));
  await rm(join(folder, 'gone'), { recursive: true });
  ledger.set('show', { ordinal: 1, newestSegment: 1 });
  await ledger[Symbol.asyncDispose]();
  assert.equal(errors.length, 1);
  assert.deepEqual(ledger.get('show'), { ordinal: 1, newestSegment: 1 });
});

test('one entry more than the limit drops the one not used for longest', async () => {
  const file = join(folder, 'many.json');
  await using ledger = await Ledger.open(file, unexpected);
  for (let index = 0; index < MAX_LEDGER_ENTRIES; index += 1) ledger.set(`s${index}`, { ordinal: 0, newestSegment: 0 });
  ledger.set('s0', { ordinal: 1, newestSegment: 0 });
  ledger.set('one-more', { ordinal: 0, newestSegment: 0 });
  assert.equal(ledger.get('s1'), undefined);
  assert.ok(ledger.get('s0'));
  await ledger[Symbol.asyncDispose]();
  assert.equal(Object.keys(JSON.parse(await readFile(file, 'utf8')) as object).length, MAX_LEDGER_ENTRIES);
});
