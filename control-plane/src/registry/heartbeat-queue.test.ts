import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { ManualClock } from '@headwater/service/clock';
import { HeartbeatQueue, UNDER_WAY_LIMIT } from './heartbeat-queue.ts';

/** A queue to an agent that takes, or refuses, what a test lets it. */
function slowAgent() {
  const clock = new ManualClock(0);
  const sent: string[] = [];
  const open: ((isTaken: boolean) => void)[] = [];
  const send = (id: string): Promise<boolean> => {
    sent.push(id);
    return new Promise((resolve) => open.push(resolve));
  };
  return {
    clock,
    sent,
    queue: new HeartbeatQueue({ clock, send }),
    answer: async (isTaken = true): Promise<void> => {
      open.splice(0).forEach((resolve) => resolve(isTaken));
      await turn();
    },
  };
}

const FLEET = Array.from({ length: 3 * UNDER_WAY_LIMIT }, (_, n) => `edge-${n}`);

test('a slow agent gets each node in its turn, a bounded number at once, and none twice', async () => {
  const { queue, sent, answer } = slowAgent();
  for (let round = 0; round < 3; round += 1) for (const id of FLEET) queue.add(id);
  assert.equal(sent.length, UNDER_WAY_LIMIT);
  await answer();
  assert.deepEqual(sent, FLEET.slice(0, 2 * UNDER_WAY_LIMIT));
  await answer();
  assert.deepEqual(sent.slice(0, FLEET.length), FLEET);
  // What came while they were under way is said after them.
  await answer();
  await answer();
  assert.deepEqual(sent, [...FLEET, ...FLEET.slice(0, UNDER_WAY_LIMIT)]);
});

test('what was taken a moment ago is not said again; what was not taken is, at the next heartbeat', async () => {
  const { clock, queue, sent, answer } = slowAgent();
  queue.add('a');
  await answer();
  clock.advance(499);
  queue.add('a');
  assert.deepEqual(sent, ['a']);
  clock.advance(1);
  queue.add('a');
  assert.deepEqual(sent, ['a', 'a']);
  await answer(false);
  queue.add('a');
  assert.equal(sent.length, 3);
});

test('what is forgotten waits no longer, and begins anew', async () => {
  const { queue, sent, answer } = slowAgent();
  for (const id of FLEET) queue.add(id);
  const last = FLEET.at(-1) ?? '';
  queue.forget(last);
  for (let rounds = 0; rounds < 3; rounds += 1) await answer();
  assert.deepEqual(sent, FLEET.slice(0, -1));
  queue.forget('edge-0');
  queue.add('edge-0');
  assert.equal(sent.at(-1), 'edge-0');
});
