import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bridgeTimes, MAX_BRIDGED_TICKS, MAX_INTERVAL_TICKS } from './clock-references.ts';

function bridge(unitTicks: readonly number[], endTicks: number): number[] {
  return [...bridgeTimes(unitTicks, endTicks)];
}

test('units 100 ms apart need nothing between them, and one tick more needs one', () => {
  assert.deepEqual(bridge([0, MAX_INTERVAL_TICKS], 2 * MAX_INTERVAL_TICKS), []);
  assert.deepEqual(bridge([0, MAX_INTERVAL_TICKS + 1], 2 * MAX_INTERVAL_TICKS), [4500]);
  assert.deepEqual(bridge([0], MAX_INTERVAL_TICKS + 1), [4500]);
  assert.deepEqual(bridge([-18_000], 0), [-9000]);
});

test('whatever the steps, none is longer than 100 ms', () => {
  for (let gap = 1; gap < 100_000; gap += 37) {
    const times = [0, ...bridge([0], gap), gap];
    const steps = times.slice(1).map((time, index) => time - (times[index] as number));
    assert.ok(Math.min(...steps) > 0 && Math.max(...steps) <= MAX_INTERVAL_TICKS, steps.join());
  }
});

test('a hole is bridged up to a limit', () => {
  assert.equal(bridge([0], MAX_BRIDGED_TICKS).length, 99);
  assert.deepEqual(bridge([0], MAX_BRIDGED_TICKS + 1), []);
  assert.deepEqual(bridge([0], Infinity), []);
});

test('times that fall back need nothing', () => {
  assert.deepEqual(bridge([90_000, 0], 0), []);
});
