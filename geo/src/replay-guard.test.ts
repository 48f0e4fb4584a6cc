import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@headwater/service/clock';
import { UsedTokens } from './replay-guard.ts';

test('lets each use in once', () => {
  const used = new UsedTokens(new ManualClock(0));
  assert.equal(used.firstUse('a', 1_000), true);
  assert.equal(used.firstUse('a', 1_000), false);
  assert.equal(used.firstUse('b', 1_000), true);
});

test('refuses when full, until a token it remembers has ended', () => {
  const clock = new ManualClock(0);
  const used = new UsedTokens(clock, 2);
  assert.equal(used.firstUse('a', 1_000), true);
  assert.equal(used.firstUse('b', 2_000), true);
  assert.equal(used.firstUse('c', 2_000), false);
  clock.advance(1_000);
  assert.equal(used.firstUse('c', 2_000), true);
  assert.equal(used.firstUse('b', 2_000), false);
});

test('a viewer who is refused for want of room costs no look through all that is remembered', () => {
  const used = new UsedTokens(new ManualClock(0));
  for (let use = 0; use < 100_000; use += 1) assert.equal(used.firstUse(`${use}`, 1_000), true);
  const startMs = performance.now();
  for (let use = 0; use < 2_000; use += 1) assert.equal(used.firstUse(`late ${use}`, 1_000), false);
  assert.ok(performance.now() - startMs < 1_000);
});
