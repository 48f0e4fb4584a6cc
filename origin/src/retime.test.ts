import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@headwater/service/clock';
import { Retimer } from './retime.ts';

const START_MS = 1_800_000_000_000;

interface Publisher {
  /** publisher's seconds per second */
  readonly rate?: number;
  readonly firstTimestampMs?: number;
  /** network delay of the packet that was taken at `takenMs` */
  readonly delayMs?: (takenMs: number) => number;
  /** the packet taken then was the first that could come after a time of waiting */
  readonly excusedAtMs?: number;
  readonly forMs: number;
  readonly frameMs?: number;
}

interface Outcome {
  readonly takenMs: number;
  readonly givenMs: number;
  readonly errorMs: number;
}

/** Sends frames through a network with delays; packets keep their order. */
function publish(retimer: Retimer, clock: ManualClock, publisher: Publisher): Outcome[] {
  const { rate = 1, firstTimestampMs = 0, delayMs = () => 0, forMs, frameMs = 40 } = publisher;
  const outcomes: Outcome[] = [];
  const startMs = clock.nowMs();
  for (let elapsedMs = 0; elapsedMs < forMs; elapsedMs += frameMs) {
    const takenMs = startMs + elapsedMs;
    const arrivesMs = Math.max(clock.nowMs(), takenMs + delayMs(elapsedMs));
    clock.advance(arrivesMs - clock.nowMs());
    if (elapsedMs === publisher.excusedAtMs) retimer.excuse(clock.nowMs());
    const timestampMs = Math.round(firstTimestampMs + elapsedMs * rate);
    retimer.observe('video', timestampMs, clock.nowMs());
    const givenMs = retimer.give('video', retimer.mediaMs(timestampMs));
    outcomes.push({ takenMs, givenMs, errorMs: givenMs - takenMs });
  }
  return outcomes;
}

function started(): { retimer: Retimer; clock: ManualClock } {
  const retimer = new Retimer();
  retimer.beginSession();
  return { retimer, clock: new ManualClock(START_MS) };
}

function worst(outcomes: readonly Outcome[]): number {
  return Math.max(...outcomes.map(({ errorMs }) => Math.abs(errorMs)));
}

function assertMonotonic(outcomes: readonly Outcome[]): void {
  for (const [index, { givenMs }] of outcomes.slice(1).entries()) {
    assert.ok(givenMs > (outcomes[index] as Outcome).givenMs, `${givenMs} after ${outcomes[index]?.givenMs}`);
  }
}

/** Deterministic noise in [0, limit). */
function jitter(limitMs: number): (takenMs: number) => number {
  let state = 42;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return (state / 2 ** 31) * limitMs;
  };
}

const steady: { name: string; publisher: Publisher; withinMs: number; afterMs: number }[] = [
  { name: 'a publisher without delay', publisher: { forMs: 5_000 }, withinMs: 1, afterMs: 0 },
  {
    name: 'timestamps that start anywhere',
    publisher: { forMs: 5_000, firstTimestampMs: 987_654_321 },
    withinMs: 1,
    afterMs: 0,
  },
  { name: 'a network that jitters', publisher: { forMs: 30_000, delayMs: jitter(120) }, withinMs: 40, afterMs: 3_000 },
  {
    name: 'a first packet that comes 1.3 s late',
    publisher: { forMs: 20_000, delayMs: (ms) => Math.max(0, 1_300 - ms) },
    withinMs: 20,
    afterMs: 8_000,
  },
  { name: 'a clock that is 0.1% fast', publisher: { forMs: 120_000, rate: 1.001 }, withinMs: 2, afterMs: 0 },
  { name: 'a clock that is 0.1% slow', publisher: { forMs: 120_000, rate: 0.999 }, withinMs: 20, afterMs: 0 },
  {
    name: 'a delay that grows for good',
    publisher: { forMs: 40_000, delayMs: (ms) => (ms < 10_000 ? 0 : 200) },
    withinMs: 205,
    afterMs: 0,
  },
  {
    name: 'a backlog after a stall of the network',
    publisher: { forMs: 30_000, delayMs: (ms) => (ms >= 15_000 && ms < 18_000 ? 18_000 - ms : 0) },
    withinMs: 1,
    afterMs: 0,
  },
  {
    name: 'made to wait for 4 s, and catching up by and by',
    publisher: {
      forMs: 60_000,
      delayMs: (ms) => (ms < 15_000 ? 0 : Math.max(0, 4_000 - 0.2 * (ms - 15_000))),
      excusedAtMs: 15_000,
    },
    withinMs: 1,
    afterMs: 0,
  },
];

for (const { name, publisher, withinMs, afterMs } of steady) {
  test(`gives frames the time at which they were taken: ${name}`, () => {
    const { retimer, clock } = started();
    const outcomes = publish(retimer, clock, publisher);
    assertMonotonic(outcomes);
    const settled = outcomes.filter(({ takenMs }) => takenMs - START_MS >= afterMs);
    assert.ok(worst(settled) <= withinMs, `off by ${worst(settled)} ms`);
  });
}

test('takes the least delay of the first packets at once when they are looked at together', () => {
  const { retimer, clock } = started();
  // Four frames that waited for the connection arrive in one go.
  clock.advance(120);
  for (const timestampMs of [0, 40, 80, 120]) retimer.observe('video', timestampMs, clock.nowMs());
  retimer.settle();
  assert.equal(retimer.mediaMs(120), START_MS + 120);
});

test('follows a publisher whose clock leaps, either way', () => {
  for (const leapMs of [3_600_000, -3_600_000, 5_000]) {
    const { retimer, clock } = started();
    const before = publish(retimer, clock, { forMs: 15_000, firstTimestampMs: 10_000_000 });
    clock.advance(40);
    const after = publish(retimer, clock, { forMs: 5_000, firstTimestampMs: 10_015_000 + leapMs });
    assertMonotonic([...before, ...after]);
    assert.ok(worst(after) <= 1, `leap of ${leapMs}: off by ${worst(after)} ms`);
  }
});

test('says when a publisher’s clock leapt, so that what came before is not placed by it', () => {
  const { retimer, clock } = started();
  assert.equal(retimer.observe('video', 60_000, clock.nowMs()), false, 'the first of a session');
  clock.advance(20);
  assert.equal(retimer.observe('audio', 60_010, clock.nowMs()), false);
  clock.advance(20);
  assert.equal(retimer.observe('video', 0, clock.nowMs()), true, 'back');
  clock.advance(20);
  assert.equal(retimer.observe('video', 3_600_000, clock.nowMs()), true, 'ahead');
});

for (const waits of [false, true]) {
  test(`follows a publisher that paused its clock while it ${waits ? 'was made to wait' : 'was silent'}`, () => {
    const { retimer, clock } = started();
    const before = publish(retimer, clock, { forMs: 15_000 });
    clock.advance(5_000);
    if (waits) retimer.excuse(clock.nowMs());
    const after = publish(retimer, clock, { forMs: 10_000, firstTimestampMs: 15_000 });
    assertMonotonic([...before, ...after]);
    assert.ok(worst(after.slice(-100)) <= 1, `off by ${worst(after.slice(-100))} ms`);
  });
}

test('a new session has a clock of its own, and time goes on', () => {
  const { retimer, clock } = started();
  const before = publish(retimer, clock, { forMs: 5_000, firstTimestampMs: 1_000_000 });
  clock.advance(2_000);
  retimer.beginSession();
  const after = publish(retimer, clock, { forMs: 5_000 });
  assertMonotonic([...before, ...after]);
  assert.ok(worst(after) <= 1);
});

test('never gives a time twice, and gives whole milliseconds', () => {
  const retimer = new Retimer();
  assert.deepEqual(
    [100.4, 100.4, 90, 103.6].map((ms) => retimer.give('audio', ms)),
    [100, 101, 102, 104],
  );
  assert.equal(retimer.give('video', 50), 50);
});
