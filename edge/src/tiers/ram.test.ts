import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { seeded } from '@headwater/protocol/test-random';
import { FrequencySketch, hashName } from './admission.ts';
import { RamTier } from './ram.ts';

const MIB = 1024 * 1024;

interface Value {
  readonly name: string;
}

function ramOf(limitBytes: number, limit = (): number => limitBytes) {
  const dropped: string[] = [];
  const ram = new RamTier<Value>({
    mostBytes: limitBytes,
    limitBytes: limit,
    onDropped: ({ name }) => dropped.push(name),
  });
  /** Asks for a name; stores it when it is not there. */
  function use(name: string, bytes: number): boolean {
    const hash = hashName(name, 1);
    if (ram.get(name, hash) !== undefined) return true;
    ram.put(name, { name }, { bytes, hash });
    return false;
  }
  return { ram, dropped, use };
}

suite('RAM tier', () => {
  test('what is put is there, what is dropped is told and is not', () => {
    const { ram, dropped, use } = ramOf(8 * MIB);
    assert.equal(use('a', 1_000), false);
    assert.equal(use('a', 1_000), true);
    assert.deepEqual([ram.bytes, ram.count], [1_000, 1]);
    assert.equal(ram.delete('a'), true);
    assert.equal(ram.delete('a'), false);
    assert.deepEqual([dropped, ram.bytes, ram.peek('a')], [['a'], 0, undefined]);
  });

  test('never holds more than its limit, whatever comes, and accounts for all that went', () => {
    const random = seeded(7);
    const { ram, dropped, use } = ramOf(16 * MIB);
    const held = new Set<string>();
    for (let round = 0; round < 20_000; round += 1) {
      const name = `n${Math.floor(random() ** 3 * 3_000)}`;
      use(name, Math.ceil(random() ** 4 * MIB));
      held.add(name);
      while (dropped.length > 0) held.delete(dropped.pop() ?? '');
      assert.ok(ram.bytes <= 16 * MIB, `${ram.bytes} bytes`);
    }
    assert.deepEqual(ram.names().toSorted(), [...held].toSorted());
    assert.ok(ram.refused > 0 && ram.evicted > 0);
  });

  test('a value of the largest size that has room is held, one byte more is dropped at once', () => {
    const { ram, dropped } = ramOf(4 * MIB);
    ram.put('fits', { name: 'fits' }, { bytes: 2 * MIB, hash: 1 });
    assert.deepEqual(dropped, []);
    ram.put('fits', { name: 'too large' }, { bytes: 2 * MIB + 1, hash: 1 });
    assert.deepEqual([dropped, ram.count], [['too large'], 0]);
  });

  test('comes down when its limit does', () => {
    let limit = 16 * MIB;
    const { ram, use } = ramOf(16 * MIB, () => limit);
    for (let index = 0; index < 32; index += 1) use(`s${index}`, MIB);
    assert.ok(ram.bytes > 12 * MIB);
    limit = 8 * MIB;
    ram.trim();
    assert.ok(ram.bytes <= 8 * MIB && ram.bytes > 4 * MIB, `${ram.bytes}`);
  });

  test('a scan flushes nothing that is asked for', () => {
    const { use } = ramOf(64 * MIB);
    const popular = Array.from({ length: 40 }, (_, index) => `popular${index}`);
    for (let round = 0; round < 3; round += 1) for (const name of popular) use(name, MIB);
    // One look at each of 2,000 others, thirty-fold the cache, while the popular ones are asked for less often than those.
    let hits = 0;
    for (let index = 0; index < 2_000; index += 1) {
      use(`scan${index}`, MIB);
      if (index % 10 === 0 && use(popular[(index / 10) % popular.length] ?? '', MIB)) hits += 1;
    }
    assert.ok(hits >= 195, `${hits} of 200`);
  });

  test('what is new and asked for at once is not refused while older things are more popular', () => {
    const { use } = ramOf(64 * MIB);
    for (let round = 0; round < 10; round += 1) for (let index = 0; index < 50; index += 1) use(`old${index}`, MIB);
    for (let segment = 0; segment < 100; segment += 1) {
      use(`live${segment}`, MIB);
      for (let viewer = 0; viewer < 5; viewer += 1) {
        assert.equal(use(`live${segment}`, MIB), true, `segment ${segment}`);
        use(`old${(segment + viewer) % 50}`, MIB);
      }
    }
  });

  test('a large object does not have to outdo all small ones together', () => {
    const { use } = ramOf(8 * MIB);
    for (let index = 0; index < 6_000; index += 1) use(`small${index}`, 2_048);
    for (let round = 0; round < 20; round += 1) {
      use('large', MIB);
      for (let index = 0; index < 1_000; index += 1) use(`new${round}.${index}`, 2_048);
    }
    assert.equal(use('large', MIB), true);
  });
});

suite('frequency sketch', () => {
  test('never counts too few, and little too many', () => {
    const sketch = new FrequencySketch(4_096);
    const random = seeded(3);
    const seen = new Map<number, number>();
    for (let round = 0; round < 8_000; round += 1) {
      const hash = hashName(`n${Math.floor(random() * 2_000)}`, 5);
      sketch.observe(hash, 100_000);
      seen.set(hash, (seen.get(hash) ?? 0) + 1);
    }
    let tooMany = 0;
    for (const [hash, count] of seen) {
      assert.ok(sketch.frequency(hash) >= Math.min(count, 15));
      if (sketch.frequency(hash) > Math.min(count, 15)) tooMany += 1;
    }
    assert.ok(tooMany < seen.size / 100, `${tooMany} of ${seen.size}`);
  });

  test('forgets what was popular once', () => {
    const sketch = new FrequencySketch(1_024);
    for (let round = 0; round < 15; round += 1) sketch.observe(1, 100);
    assert.equal(sketch.frequency(1), 15);
    for (let round = 0; round < 8_000; round += 1) sketch.observe(hashName(`other${round % 200}`, 1), 100);
    assert.ok(sketch.frequency(1) <= 1, `${sketch.frequency(1)}`);
  });
});
