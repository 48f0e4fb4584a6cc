import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@headwater/service/clock';
import { leastWindowBytes } from './on-air.ts';
import type { LiveStream } from './stream.ts';
import { GRID, pushFrames, videoShape } from './test-samples.ts';
import { ENDED_KEPT_MS, LiveStreams, MAX_ENDED } from './streams.ts';

const limits = { windowSegments: 30, waiters: 1 };
const make = (maxBytes = 1e9) => {
  const gaveWay: string[] = [];
  const streams = new LiveStreams({
    make: (name) => ({
      name,
      limits: { ...limits, windowBytes: 1e9 },
      clock: new ManualClock(0),
      randomBytes: (count) => new Uint8Array(count),
    }),
    maxBytes,
    onGaveWay: (name) => gaveWay.push(name),
  });
  return Object.assign(streams, { gaveWay });
};

/** A segment of one track, a little above 60 kB. */
const SEGMENT_BYTES = 60 * (1_000 + 40);

function onAir(streams: LiveStreams, name: string, leastBytes: number): LiveStream {
  const stream = streams.open(name, leastBytes);
  stream.openEpoch({ ordinal: 0, firstSegment: 0, grid: GRID, tracks: [videoShape('v720')] });
  return stream;
}

const numbersOf = (stream: LiveStream): number[] =>
  stream.change(null)?.timeline.windows['v720']?.map(({ number }) => number) ?? [];

test('an ended stream stays for a minute, unless it comes back', (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  using streams = make();
  const [show, other] = [streams.open('show', 0), streams.open('other', 0)];
  streams.end('show');
  streams.end('other');
  assert.equal(show.ended, true);
  assert.equal(streams.open('other', 0), other);
  context.mock.timers.tick(ENDED_KEPT_MS);
  assert.equal(streams.get('show'), undefined);
  assert.equal(streams.get('other'), other);
});

test('one ended stream more than the limit drops the one that ended first', () => {
  using streams = make();
  for (let index = 0; index <= MAX_ENDED; index += 1) {
    streams.open(`s${index}`, 0);
    streams.end(`s${index}`);
  }
  assert.equal(streams.get('s0'), undefined);
  assert.ok(streams.get('s1'));
});

test('above the ceiling of all, the stream gives way that holds the most above what is set aside for it', () => {
  using streams = make(10 * SEGMENT_BYTES);
  const [great, small] = [onAir(streams, 'great', 6 * SEGMENT_BYTES), onAir(streams, 'small', SEGMENT_BYTES)];
  for (let number = 0; number < 6; number += 1) pushFrames(great, 'v720', { number, bytes: 1_000 });
  for (let number = 0; number < 4; number += 1) pushFrames(small, 'v720', { number, bytes: 1_000 });
  assert.deepEqual(streams.gaveWay, []);
  pushFrames(small, 'v720', { number: 4, bytes: 1_000 });
  assert.deepEqual(new Set(streams.gaveWay), new Set(['small']));
  assert.deepEqual(numbersOf(great), [0, 1, 2, 3, 4, 5]);
  assert.deepEqual(numbersOf(small), [1, 2, 3, 4]);
  // Those that ended give way before all others, but for their last segment.
  streams.end('small');
  for (let number = 6; number < 9; number += 1) pushFrames(great, 'v720', { number, bytes: 1_000 });
  assert.deepEqual([numbersOf(small), numbersOf(great).length], [[4], 9]);
  pushFrames(great, 'v720', { number: 9, bytes: 1_000 });
  assert.deepEqual([numbersOf(small), numbersOf(great)], [[4], [1, 2, 3, 4, 5, 6, 7, 8, 9]]);
  assert.ok(streams.bytes <= 10 * SEGMENT_BYTES);
});

test('what is set aside is for streams on air: at the ceiling one fits, one byte more does not', () => {
  using streams = make(100);
  streams.open('a', 60);
  assert.deepEqual([streams.hasRoom(40), streams.hasRoom(41)], [true, false]);
  streams.open('a', 60);
  streams.open('b', 40);
  assert.equal(streams.hasRoom(1), false);
  streams.end('a');
  assert.deepEqual([streams.hasRoom(60), streams.hasRoom(61)], [true, false]);
});

test('the least of a window follows the ladder', () => {
  const ladder = { rungs: [{ height: 90, bitsPerSecond: 700_000 }], audioBitsPerSecond: 100_000 };
  assert.equal(leastWindowBytes(ladder, 2_000), 1.25 * 800_000 * 12 * 0.125);
  assert.ok(leastWindowBytes(null, 2_000) > 10 * leastWindowBytes(ladder, 2_000));
});
