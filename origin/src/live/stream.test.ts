import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Timeline, type TimelineChange, KEPT_BEHIND_WINDOW, applyChange } from '@headwater/protocol/timeline';
import { ManualClock } from '@headwater/service/clock';
import { LiveStream } from './stream.ts';
import { GRID, pushFrames, videoShape } from './test-samples.ts';

const NOW_MS = 1_800_000_000_000;
const FIRST = NOW_MS / 2_000;

function makeStream(limits: { windowSegments?: number; windowBytes?: number } = {}): LiveStream {
  let seed = 0;
  return new LiveStream({
    name: 'show',
    limits: { windowSegments: 6, windowBytes: 1e9, waiters: 10, ...limits },
    clock: new ManualClock(NOW_MS),
    randomBytes: () => new Uint8Array(5).fill((seed += 1)),
  });
}

function onAir(limits: { windowSegments?: number; windowBytes?: number } = {}): LiveStream {
  const stream = makeStream(limits);
  stream.openEpoch({ ordinal: 3, firstSegment: FIRST, grid: GRID, tracks: [videoShape('v720'), videoShape('v360')] });
  return stream;
}

function pushBoth(stream: LiveStream, place: Parameters<typeof pushFrames>[2]): void {
  for (const track of ['v720', 'v360']) pushFrames(stream, track, place);
}

const change = (stream: LiveStream, since: number | null): TimelineChange => stream.change(since) as TimelineChange;
const whole = (stream: LiveStream): Timeline => change(stream, null).timeline;
const epochOf = (stream: LiveStream): string => stream.epoch?.id ?? '';

test('nothing is playable before every track has a part', () => {
  const stream = onAir();
  pushFrames(stream, 'v720', { number: FIRST, count: 10 });
  assert.equal(stream.playable, false);
  pushFrames(stream, 'v360', { number: FIRST, count: 10 });
  assert.equal(stream.playable, true);
});

test('differences, merged, are the whole', () => {
  const stream = onAir();
  let known: Timeline | undefined;
  let seed = 7;
  for (let step = 0; step < 120; step += 1) {
    pushBoth(stream, { number: FIRST + Math.floor(step / 6), from: (step % 6) * 10, count: 10 });
    seed = (seed * 16_807) % 2_147_483_647;
    if (seed % 3 === 0) continue;
    known = applyChange(known, change(stream, known?.revision ?? null));
    assert.deepEqual(known, whole(stream));
  }
  assert.equal(stream.change(stream.revision), null);
});

test('a revision from before, or from nowhere, gets the whole', () => {
  const stream = onAir();
  pushBoth(stream, { number: FIRST });
  for (const since of [0, 17, stream.revision + 1]) assert.equal(change(stream, since).full, true);
  assert.equal(change(stream, stream.revision - 1).full, false);
});

test('revisions grow over a restart', () => {
  assert.ok(makeStream().revision >= NOW_MS * 1000);
});

test('a segment is the concatenation of its parts, and says when it is complete', () => {
  const stream = onAir();
  pushBoth(stream, { number: FIRST });
  const segment = stream.segment('v720', epochOf(stream), FIRST);
  assert.ok(segment.kind === 'found');
  assert.equal(segment.value.complete, true);
  assert.equal(segment.value.durationTicks, 180_000);
  assert.equal(
    segment.value.bytes,
    segment.value.parts.reduce((sum, { data }) => sum + data.length, 0),
  );
  assert.deepEqual(
    segment.value.parts.map(({ independent, last }) => [independent, last]),
    [
      [true, false],
      [false, false],
      [false, false],
      [false, false],
      [false, false],
      [false, true],
    ],
  );
});

test('what may come is later, what cannot come is never', () => {
  const stream = onAir();
  pushBoth(stream, { number: FIRST });
  pushBoth(stream, { number: FIRST + 1, count: 10 });
  const epoch = epochOf(stream);
  const part = (number: number, part: number, of = epoch) =>
    stream.part({ track: 'v720', epoch: of, number, part }).kind;
  assert.equal(part(FIRST, 5), 'found');
  assert.equal(part(FIRST, 6), 'never');
  assert.equal(part(FIRST + 1, 0), 'found');
  assert.equal(part(FIRST + 1, 1), 'later');
  assert.equal(part(FIRST + 3, 0), 'later');
  assert.equal(part(FIRST + 4, 0), 'never');
  assert.equal(part(FIRST - 1, 0), 'never');
  assert.equal(part(FIRST + 2, 0, 'someotherepoch'), 'never');
  assert.equal(stream.segment('a0', epoch, FIRST).kind, 'never');
  stream.end();
  assert.equal(part(FIRST + 1, 1), 'never');
  assert.equal(part(FIRST + 2, 0), 'never');
});

test('the window keeps what its length says and no more', () => {
  const stream = onAir();
  for (let index = 0; index < 40; index += 1) pushBoth(stream, { number: FIRST + index });
  const numbers = whole(stream).windows['v720']?.map(({ number }) => number) ?? [];
  assert.equal(numbers.length, 6 + KEPT_BEHIND_WINDOW);
  assert.equal(numbers.at(-1), FIRST + 39);
});

test('above the byte ceiling the oldest numbers go, on every track, and everybody is told the whole', () => {
  const frameBytes = 1_000;
  // Room for two tracks of three segments, not for one segment more.
  const stream = onAir({ windowBytes: 2 * 3 * 60 * (frameBytes + 40) });
  for (let index = 0; index < 3; index += 1) pushBoth(stream, { number: FIRST + index, bytes: frameBytes });
  const before = stream.revision;
  assert.equal(whole(stream).windows['v720']?.length, 3);
  pushBoth(stream, { number: FIRST + 3, bytes: frameBytes });
  const { full, timeline } = change(stream, before);
  assert.equal(full, true);
  for (const track of ['v720', 'v360']) assert.equal(timeline.windows[track]?.[0]?.number, FIRST + 1);
  assert.ok(stream.bytes <= 2 * 3 * 60 * (frameBytes + 40));
});

test('the byte ceiling holds also when a track has come to a stand', () => {
  const frameBytes = 1_000;
  const windowBytes = 2 * 3 * 60 * (frameBytes + 40);
  const stream = onAir({ windowBytes });
  pushBoth(stream, { number: FIRST, bytes: frameBytes });
  for (let index = 1; index < 12; index += 1) pushFrames(stream, 'v720', { number: FIRST + index, bytes: frameBytes });
  assert.ok(stream.bytes <= windowBytes, `${stream.bytes} of ${windowBytes} bytes`);
  assert.equal(whole(stream).windows['v360']?.length, 1);
});

test('only segments near the live edge list their parts, but their parts stay readable', () => {
  const stream = onAir();
  for (let index = 0; index < 6; index += 1) pushBoth(stream, { number: FIRST + index });
  const counts = whole(stream).windows['v720']?.map(({ parts }) => parts.length);
  assert.deepEqual(counts, [0, 0, 6, 6, 6, 6]);
  assert.equal(stream.part({ track: 'v720', epoch: epochOf(stream), number: FIRST, part: 3 }).kind, 'found');
});

test('a gap completes the segment before it, and lets go who waited in it', async () => {
  const stream = onAir();
  pushBoth(stream, { number: FIRST, count: 20 });
  const waits = [FIRST, FIRST + 1].map(async (number) => stream.waiters.wait(`v720/${number}`, 60_000));
  pushBoth(stream, { number: FIRST + 2 });
  await Promise.all(waits);
  const epoch = epochOf(stream);
  assert.equal(stream.part({ track: 'v720', epoch, number: FIRST, part: 2 }).kind, 'never');
  assert.equal(stream.segment('v720', epoch, FIRST + 1).kind, 'never');
  assert.deepEqual(
    whole(stream).windows['v720']?.map(({ number, complete }) => [number - FIRST, complete]),
    [
      [0, true],
      [2, true],
    ],
  );
});

test('an epoch begins at its first number; the one before it keeps its names while they are in the window', () => {
  const stream = onAir();
  pushBoth(stream, { number: FIRST, count: 20 });
  const old = epochOf(stream);
  const tracks = [videoShape('v720', 1), videoShape('v360', 1)];
  assert.equal(stream.continues([videoShape('v720'), videoShape('v360')], GRID), true);
  assert.equal(stream.continues(tracks, GRID), false);
  stream.openEpoch({ ordinal: 4, firstSegment: FIRST + 1, grid: GRID, tracks });
  pushBoth(stream, { number: FIRST, from: 20, count: 40 });
  pushBoth(stream, { number: FIRST + 1 });
  const timeline = whole(stream);
  assert.deepEqual(
    timeline.epochs.map(({ ordinal, firstSegment }) => [ordinal, firstSegment - FIRST]),
    [
      [3, 0],
      [4, 1],
    ],
  );
  assert.deepEqual(
    timeline.windows['v720']?.map(({ number, epoch, complete }) => [number - FIRST, epoch === old, complete]),
    [
      [0, true, true],
      [1, false, true],
    ],
  );
  assert.notDeepEqual(stream.init('v720', old), stream.init('v720', epochOf(stream)));
  for (let index = 2; index < 20; index += 1) pushBoth(stream, { number: FIRST + index });
  assert.equal(stream.init('v720', old), undefined);
  assert.equal(whole(stream).epochs.length, 1);
});

test('an epoch that never had media leaves no trace, and no step in the count of discontinuities', () => {
  const stream = onAir();
  pushBoth(stream, { number: FIRST });
  const open = (ordinal: number, mark: number, firstSegment: number): void => {
    const tracks = [videoShape('v720', mark), videoShape('v360', mark)];
    stream.openEpoch({ ordinal, firstSegment, grid: GRID, tracks });
  };
  open(4, 1, FIRST + 1);
  const empty = epochOf(stream);
  open(5, 2, FIRST + 1);
  pushBoth(stream, { number: FIRST + 1 });
  const ordinals = (): number[] => whole(stream).epochs.map(({ ordinal }) => ordinal);
  assert.deepEqual(ordinals(), [3, 4]);
  assert.equal(stream.init('v720', empty), undefined);
  // What is pending belongs to the epoch before, and is media.
  open(5, 3, FIRST + 2);
  pushBoth(stream, { number: FIRST + 2, count: 1 });
  open(6, 4, FIRST + 3);
  pushBoth(stream, { number: FIRST + 3 });
  assert.deepEqual(ordinals(), [3, 4, 5, 6]);
  for (let mark = 0; mark < 100; mark += 1) open(7, mark, FIRST + 4);
  assert.deepEqual(ordinals(), [3, 4, 5, 6, 7]);
});

test('what is pending of a number that the next epoch takes goes: no number is in two epochs', () => {
  const stream = onAir();
  pushBoth(stream, { number: FIRST });
  // Of the next segment there is half a part.
  pushBoth(stream, { number: FIRST + 1, count: 5 });
  assert.equal(stream.newestNumber, FIRST);
  const tracks = [videoShape('v720', 1), videoShape('v360', 1)];
  stream.openEpoch({ ordinal: 4, firstSegment: FIRST + 1, grid: GRID, tracks });
  pushBoth(stream, { number: FIRST + 1 });
  assert.deepEqual(
    whole(stream).windows['v720']?.map(({ number, epoch }) => [number - FIRST, epoch === epochOf(stream)]),
    [
      [0, false],
      [1, true],
    ],
  );
});

test('the end publishes what is pending and says so', () => {
  const stream = onAir();
  pushBoth(stream, { number: FIRST, count: 14 });
  stream.end();
  const timeline = whole(stream);
  assert.equal(timeline.state, 'ended');
  const segment = timeline.windows['v720']?.at(-1);
  assert.deepEqual([segment?.complete, segment?.parts.length, segment?.durationTicks], [true, 2, 42_000]);
});
