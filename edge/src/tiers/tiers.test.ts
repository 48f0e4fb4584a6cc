import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { TierEntry } from './tier-entry.ts';
import { Tiers } from './tiers.ts';

const MIB = 1024 * 1024;

function entryOf(key: string, ...ids: readonly string[]): TierEntry {
  const variants = ids.map((id) => ({ id, head: { fields: ['ETag', `"${id}"`] }, lengthBytes: 2 * MIB, tags: [] }));
  return { key, seq: 0, variants };
}

function extent(byte: number, length = MIB): { readonly offset: number; readonly bytes: Buffer } {
  return { offset: 0, bytes: Buffer.alloc(length, byte) };
}

suite('tiers, RAM alone', () => {
  test('gives what was put, at once', () => {
    const tiers = new Tiers({ ramBytes: 32 * MIB, seed: 1 });
    const entry = entryOf('k', 'v1');
    tiers.putEntry(entry);
    const second = extent(2, 10);
    tiers.putSlice('v1', 0, extent(1));
    tiers.putSlice('v1', 1, second);
    assert.equal(tiers.entry('k'), entry);
    assert.equal(tiers.slice('v1', 1), second);
    assert.equal(tiers.slice('v1', 2), undefined);
    assert.equal(tiers.entry('v1'), undefined);
  });

  test('a key whose name reads like a slice is told apart from it', () => {
    const tiers = new Tiers({ ramBytes: 32 * MIB, seed: 1 });
    tiers.putSlice('v1', 0, extent(1));
    tiers.putEntry(entryOf('0/v1', 'v2'));
    assert.deepEqual(tiers.slice('v1', 0), extent(1));
  });

  test('with an entry its slices go, with a variant that is replaced its own', () => {
    const tiers = new Tiers({ ramBytes: 32 * MIB, seed: 1 });
    tiers.putEntry(entryOf('k', 'v1', 'v2'));
    tiers.putSlice('v1', 0, extent(1));
    tiers.putSlice('v2', 0, extent(2));
    tiers.putEntry(entryOf('k', 'v2', 'v3'));
    assert.equal(tiers.slice('v1', 0), undefined);
    assert.deepEqual(tiers.slice('v2', 0), extent(2));
    tiers.dropEntry('k');
    assert.equal(tiers.slice('v2', 0), undefined);
    assert.equal(tiers.entry('k'), undefined);
    assert.deepEqual([tiers.ramBytes, tiers.ramRecords], [0, 0]);
  });

  test('an entry that has to go takes its slices along', () => {
    const tiers = new Tiers({ ramBytes: 8 * MIB, seed: 1 });
    for (let index = 0; index < 20_000; index += 1) {
      tiers.putEntry(entryOf(`k${index}`, `v${index}`));
      tiers.putSlice(`v${index}`, 0, extent(1, 100));
    }
    let entries = 0;
    for (let index = 0; index < 20_000; index += 1) {
      const held = tiers.entry(`k${index}`) !== undefined;
      if (held) entries += 1;
      else assert.equal(tiers.slice(`v${index}`, 0), undefined, `slice of ${index}`);
    }
    assert.ok(entries > 1_000 && entries < 8_192, `${entries}`);
  });
});
