import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from './clock.ts';
import { LoadMeter } from './load-meter.ts';

/** Lets the event loop turn for a while, so that its delay is sampled. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 30));
}

/** Keeps the event loop until this process has used that much more processor time, however busy the machine is. */
function burn(cpuMs: number): void {
  const start = process.cpuUsage();
  for (;;) {
    const used = process.cpuUsage(start);
    if (used.user + used.system >= cpuMs * 1000) return;
  }
}

test('a busy process reads as busy, and the meter starts anew', async () => {
  const clock = new ManualClock(0);
  using meter = new LoadMeter(clock);
  await turn();
  burn(150);
  await turn();
  clock.advance(300);
  const busy = meter.read();
  assert.ok(busy.cpu >= 0.5 && busy.cpu <= 1, `cpu ${busy.cpu}`);
  assert.ok(busy.loopLagMs > 100, `lag ${busy.loopLagMs} ms`);
  clock.advance(60_000);
  assert.ok(meter.read().cpu < 0.1);
});

test('cores share the load', () => {
  const clock = new ManualClock(0);
  using meter = new LoadMeter(clock, 1_000);
  burn(10);
  clock.advance(10);
  assert.ok(meter.read().cpu < 0.1);
});
