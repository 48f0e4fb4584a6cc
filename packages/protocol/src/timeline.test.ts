import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  applyChange,
  KEPT_BEHIND_WINDOW,
  type Segment,
  segmentNumberAt,
  segmentTicks,
  type Timeline,
} from './timeline.ts';

const EPOCH = '0mu5k2x9f00c0ffee01';

function segment(number: number, bytes = 1): Segment {
  return {
    number,
    epoch: EPOCH,
    startTicks: number * 180_000,
    durationTicks: 180_000,
    bytes,
    complete: true,
    parts: [],
  };
}

function timeline(revision: number, segments: readonly Segment[]): Timeline {
  return {
    stream: 'show',
    revision,
    state: 'live',
    segmentDurationMs: 2000,
    partDurationMs: 1000 / 3,
    partTargetMs: 342,
    anchorMs: 0,
    windowSegments: 3,
    epochs: [{ id: EPOCH, ordinal: 0, firstSegment: 0 }],
    tracks: [{ id: 'v720', kind: 'video', codec: 'avc1.64001f', bandwidth: 1, timescale: 90_000 }],
    windows: { v720: segments },
  };
}

test('a change replaces segments by number, keeps the rest and drops what is far behind', () => {
  const known = timeline(1, [segment(1), segment(2), segment(3, 10)]);
  const newest = 3 + KEPT_BEHIND_WINDOW + 1;
  const merged = applyChange(known, { full: false, timeline: timeline(2, [segment(3, 20), segment(newest)]) });
  assert.equal(merged.revision, 2);
  assert.deepEqual(
    merged.windows['v720']?.map(({ number, bytes }) => [number, bytes]),
    [
      [2, 1],
      [3, 20],
      [newest, 1],
    ],
  );
});

test('what is far behind goes on all tracks alike, but for the newest of one that stands still', () => {
  const far = 10 + KEPT_BEHIND_WINDOW;
  const windows = { v720: [segment(1), segment(2)], a0: [segment(1), segment(2)] };
  const [video] = timeline(1, []).tracks;
  assert.ok(video !== undefined);
  const tracks = [video, { ...video, id: 'a0', kind: 'audio' as const }];
  const known = { ...timeline(1, []), tracks, windows };
  const change = { ...timeline(2, []), tracks, windows: { v720: [segment(far)] } };
  const merged = applyChange(known, { full: false, timeline: change });
  assert.deepEqual(
    [merged.windows['v720'], merged.windows['a0']].map((window) => window?.map(({ number }) => number)),
    [[far], [2]],
  );
});

test('a full change replaces everything', () => {
  const full = timeline(9, [segment(5)]);
  assert.equal(applyChange(timeline(1, [segment(1)]), { full: true, timeline: full }), full);
});

test('segment numbers are exact at the grid, today and in the year 3000', () => {
  for (const timescale of [90_000, 48_000]) {
    const ticks = segmentTicks(timescale, 2000);
    for (const number of [0, 1, 895_000_000, 16_250_000_000]) {
      assert.equal(segmentNumberAt(number * ticks, timescale, 2000), number);
      assert.equal(segmentNumberAt((number + 1) * ticks - 1, timescale, 2000), number);
    }
  }
});

test('a grid that falls between ticks is refused', () => {
  assert.throws(() => segmentTicks(44_100, 333), RangeError);
});
