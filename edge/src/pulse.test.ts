import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ManualClock } from '@headwater/service/clock';
import { Pulse } from './pulse.ts';

const SILENT_MS = 700;

function rig(context: TestContext) {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const clock = new ManualClock(0);
  const told: boolean[] = [];
  const origin = { answers: true, probes: 0, silentMs: SILENT_MS };
  const pulse = new Pulse({
    clock,
    silentMs: () => origin.silentMs,
    probe: () => {
      origin.probes += 1;
      return Promise.resolve(origin.answers);
    },
    onChange: () => told.push(pulse.isLost),
  });
  context.after(() => pulse.stop());
  async function pass(ms: number): Promise<void> {
    clock.advance(ms);
    context.mock.timers.tick(ms);
    await Promise.resolve();
    await Promise.resolve();
  }
  return { pulse, told, origin, pass };
}

test('while it is heard it is not asked; after silence it is, and only without an answer it is lost', async (context) => {
  const { pulse, told, origin, pass } = rig(context);
  await pass(SILENT_MS - 1);
  pulse.heard();
  await pass(SILENT_MS - 1);
  assert.equal(origin.probes, 0);
  await pass(1);
  assert.deepEqual([origin.probes, told], [1, []], 'it has nothing to tell, and answers');
  origin.answers = false;
  await pass(SILENT_MS);
  assert.deepEqual([origin.probes, told], [2, [true]]);
  origin.answers = true;
  await pass(SILENT_MS);
  assert.deepEqual([origin.probes, told], [3, [true, false]], 'and is found again');
});

test('one failure is none, two in a row are a loss, an answer between them counts', (context) => {
  const { pulse, told } = rig(context);
  pulse.failed();
  pulse.heard();
  pulse.failed();
  assert.deepEqual(told, []);
  pulse.failed();
  assert.deepEqual(told, [true]);
  pulse.heard();
  assert.deepEqual(told, [true, false]);
});

test('of whom nothing is expected is never asked, nor after the end', async (context) => {
  const { pulse, told, origin, pass } = rig(context);
  origin.silentMs = 0;
  origin.answers = false;
  await pass(60_000);
  assert.deepEqual([origin.probes, told], [0, []]);
  origin.silentMs = SILENT_MS;
  await pass(1_000);
  await pass(SILENT_MS);
  assert.deepEqual(told, [true], 'until something is');
  const { probes } = origin;
  pulse.stop();
  await pass(60_000);
  assert.equal(origin.probes, probes);
});
