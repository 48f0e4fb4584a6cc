import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from './clock.ts';
import { LoadMeter } from './load-meter.ts';

test('a busy process reads as busy, and the meter starts anew', async () => {
  using meter = new LoadMeter(systemClock);
  await new Promise((resolve) => setTimeout(resolve, 30));
  const end = performance.now() + 150;
  while (performance.now() < end);
  await new Promise((resolve) => setTimeout(resolve, 30));
  const busy = meter.read();
  assert.ok(busy.cpu > 0.3 && busy.cpu <= 1, `cpu ${busy.cpu}`);
  assert.ok(busy.loopLagMs > 50, `lag ${busy.loopLagMs} ms`);
  await new Promise((resolve) => setTimeout(resolve, 100));
  const idle = meter.read();
  assert.ok(idle.cpu < busy.cpu, `cpu ${idle.cpu}`);
});

test('cores share the load', () => {
  let atMs = 0;
  const clock = { nowMs: () => atMs, monotonicMs: () => atMs };
  using meter = new LoadMeter(clock, 1_000);
  atMs = 1_000;
  assert.ok(meter.read().cpu < 0.01);
});
