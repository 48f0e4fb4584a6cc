import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seeded } from '@headwater/protocol/test-random';
import { type Location, LocationIndex } from './location-index.ts';
import { hashOf } from './name-hash.ts';

test('finds what a map finds, through growth and deletions, with every part of a location', () => {
  const index = new LocationIndex();
  const model = new Map<string, Location>();
  const random = seeded(21);
  const upTo = (most: number): number => Math.floor(random() * (most + 1));
  for (let round = 0; round < 60_000; round += 1) {
    const name = `n${upTo(9_000)}`;
    if (random() < 0.4) {
      assert.deepEqual(index.delete(hashOf(name)), model.get(name));
      model.delete(name);
      continue;
    }
    const location = {
      volume: 1 + upTo(65_534),
      offset: upTo(2 ** 22 - 1) * 64,
      length: 64 + upTo(2 ** 15 - 2) * 64,
      isEntry: random() < 0.5,
    };
    assert.deepEqual(index.put(hashOf(name), location), model.get(name));
    model.set(name, location);
    if (random() < 0.3) index.markUsed(hashOf(name));
  }
  for (let name = 0; name <= 9_000; name += 1) assert.deepEqual(index.find(hashOf(`n${name}`)), model.get(`n${name}`));
  assert.equal(index.records, model.size);
  assert.equal(index.entries, [...model.values()].filter(({ isEntry }) => isEntry).length);
});

test('tells what is in a volume, and what of it was used', () => {
  const index = new LocationIndex();
  for (let name = 0; name < 3_000; name += 1) {
    index.put(hashOf(`n${name}`), { volume: 1 + (name % 3), offset: name * 64, length: 64, isEntry: false });
    if (name % 10 === 0) index.markUsed(hashOf(`n${name}`));
  }
  const second = [...index.inVolumes([2])].flat();
  assert.deepEqual(
    second.map(({ offset }) => offset / 64).toSorted((a, b) => a - b),
    Array.from({ length: 1_000 }, (_, at) => at * 3 + 1),
  );
  assert.ok(second.every(({ isUsed, offset }) => isUsed === ((offset / 64) % 10 === 0)));
});

test('takes 16 bytes a record, four times that at most', () => {
  const index = new LocationIndex();
  for (let name = 0; name < 50_000; name += 1) {
    index.put(hashOf(`n${name}`), { volume: 1, offset: name * 64, length: 64, isEntry: false });
  }
  assert.ok(index.memoryBytes <= 50_000 * 64, `${index.memoryBytes}`);
});
