import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toClock, wrapClock } from './clock.ts';

test('ticks of today are converted exactly, where a plain product would not be', () => {
  for (const [ticks, timescale] of [
    [1_790_000_000 * 48_000 + 1024, 48_000],
    [1_790_000_000 * 44_100 + 1023, 44_100],
    [1_790_000_000 * 90_000 + 1, 90_000],
    [8_999_999_999_999_999, 96_000],
    [0, 1],
    [-1024, 48_000],
  ] as const) {
    // Rounded half up, in exact arithmetic.
    const doubled = 2n * BigInt(ticks) * 90_000n + BigInt(timescale);
    const floor = doubled / (2n * BigInt(timescale));
    const exact = doubled < 0n && doubled % (2n * BigInt(timescale)) !== 0n ? floor - 1n : floor;
    assert.equal(BigInt(toClock(ticks, timescale)), exact, `${ticks}/${timescale}`);
  }
});

test('33 bits wrap, and times before 0 wrap too', () => {
  assert.equal(wrapClock(2 ** 33 - 1), 2 ** 33 - 1);
  assert.equal(wrapClock(2 ** 33), 0);
  assert.equal(wrapClock(5 * 2 ** 33 + 7), 7);
  assert.equal(wrapClock(-9000), 2 ** 33 - 9000);
});
