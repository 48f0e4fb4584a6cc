import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SteadyClock } from './steady-clock.ts';

test('a leap of the wall clock is followed slowly, and time never goes back', () => {
  const inner = { wallMs: 1_000_000, steadyMs: 0, nowMs: () => inner.wallMs, monotonicMs: () => inner.steadyMs };
  const clock = new SteadyClock(inner);
  for (const leapMs of [3_600_000, -7_200_000]) {
    inner.wallMs += leapMs;
    for (let step = 0; step < 100; step += 1) {
      const before = clock.nowMs();
      inner.wallMs += 10;
      inner.steadyMs += 10;
      const passedMs = clock.nowMs() - before;
      assert.ok(passedMs > 9.98 && passedMs < 10.02, `${passedMs} ms in 10`);
    }
  }
});

test('a small difference is made up for', () => {
  const inner = { wallMs: 1_000_000, steadyMs: 0, nowMs: () => inner.wallMs, monotonicMs: () => inner.steadyMs };
  const clock = new SteadyClock(inner);
  inner.wallMs += 50;
  for (let step = 0; step < 6_000; step += 1) {
    inner.wallMs += 10;
    inner.steadyMs += 10;
    clock.nowMs();
  }
  assert.equal(Math.round(clock.nowMs()), inner.wallMs);
});
