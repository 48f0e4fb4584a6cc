import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MediaTime } from './media-time.ts';

const WRAP = 2 ** 32;

test('starts where the publisher starts', () => {
  assert.equal(new MediaTime().advance(4_000_000_000), 4_000_000_000);
});

test('goes on past 2³² ms, twice', () => {
  const time = new MediaTime();
  let expectedMs = WRAP - 100;
  assert.equal(time.advance(expectedMs), expectedMs);
  const stepMs = 1_000_000_000;
  for (let step = 0; step < 10; step += 1) {
    expectedMs += stepMs;
    assert.equal(time.advance(expectedMs % WRAP), expectedMs);
  }
  assert.ok(expectedMs > 3 * WRAP);
});

test('a small step back stays small, across the wrap too', () => {
  const time = new MediaTime();
  time.advance(WRAP - 10);
  assert.equal(time.advance(15), WRAP + 15);
  assert.equal(time.advance(WRAP - 5), WRAP - 5);
  assert.equal(time.advance(20), WRAP + 20);
});

test('a step back before the first timestamp is negative, and comes back', () => {
  const time = new MediaTime();
  assert.equal(time.advance(3), 3);
  assert.equal(time.advance(WRAP - 2), -2);
  assert.equal(time.advance(1), 1);
});

test('a data message at 0 moves nothing', () => {
  const time = new MediaTime();
  time.advance(3_000_000_000);
  assert.equal(time.peek(0), WRAP);
  assert.equal(time.advance(3_000_000_040), 3_000_000_040);
});
