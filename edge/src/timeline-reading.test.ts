import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Segment, type Timeline, applyChange } from '@headwater/protocol/timeline';
import { hasReached, neverBack, nextPart, positionOf, whereabouts, withPart } from './timeline-reading.ts';

const EPOCH = 'epoch0001';
const PART = { durationTicks: 30_000, independent: false, bytes: 10 };
const FACTS = { durationTicks: 30_000, independent: false, last: false, segmentStartTicks: 7 };

function segment(number: number, parts: number, complete = parts === 3): Segment {
  const list = Array.from({ length: parts }, () => PART);
  return {
    number,
    epoch: EPOCH,
    startTicks: 7,
    durationTicks: parts * 30_000,
    bytes: parts * 10,
    complete,
    parts: list,
  };
}

function timeline(...segments: readonly Segment[]): Timeline {
  return {
    stream: 'show',
    revision: 1,
    state: 'live',
    segmentDurationMs: 1000,
    partDurationMs: 333,
    partTargetMs: 334,
    anchorMs: 0,
    windowSegments: 4,
    epochs: [{ id: EPOCH, ordinal: 0, firstSegment: 1 }],
    tracks: [],
    windows: { v: segments },
  };
}

function name(number: number, part: number) {
  return { track: 'v', epoch: EPOCH, number, part };
}

test('a part that follows on brings the timeline forward; another one changes nothing', () => {
  const start = timeline(segment(5, 3), segment(6, 1));
  const grown = withPart(start, name(6, 1), FACTS, 10);
  assert.deepEqual(grown.windows['v']?.at(-1), segment(6, 2));
  const whole = withPart(grown, name(6, 2), { ...FACTS, last: true }, 10);
  assert.deepEqual(whole.windows['v']?.at(-1), segment(6, 3));
  const opened = withPart(whole, name(7, 0), FACTS, 10);
  assert.deepEqual(opened.windows['v']?.slice(-2), [segment(6, 3), segment(7, 1)]);
  for (const stray of [name(6, 0), name(6, 2), name(7, 0), name(8, 0), { ...name(6, 1), epoch: 'epoch0002' }]) {
    assert.equal(withPart(start, stray, FACTS, 10), start);
  }
  assert.equal(withPart(timeline(), name(1, 0), FACTS, 10).windows['v']?.length, 0);
});

test('a timeline that is behind the parts takes nothing back', () => {
  const known = timeline(segment(5, 3), segment(6, 3), segment(7, 1));
  const behind = timeline(segment(4, 3), segment(5, 3), segment(6, 2));
  assert.deepEqual(neverBack(known, behind).windows['v'], [segment(4, 3), segment(5, 3), segment(6, 3), segment(7, 1)]);
  const parts = (line: Timeline) => line.windows['v']?.map((each) => [each.number, each.parts.length]);
  const far = timeline(...[5, 6, 7, 8].map((number) => segment(number, 3)), segment(9, 1));
  for (const full of [true, false]) {
    const tracks = [{ id: 'v', kind: 'video', codec: 'avc1', bandwidth: 1, timescale: 90_000 }] as const;
    const late = applyChange(far, { full, timeline: { ...timeline(segment(5, 3), segment(6, 2)), tracks } });
    assert.deepEqual(parts(neverBack(far, late)), parts(far), 'none goes back or is left out between');
  }
  const ahead = timeline(segment(6, 3), segment(7, 2));
  assert.deepEqual(neverBack(known, ahead), ahead);
  const other = timeline({ ...segment(6, 1), epoch: 'epoch0002' });
  assert.deepEqual(neverBack(known, other), other);
  const ended = { ...behind, state: 'ended' } as const;
  assert.deepEqual(neverBack(known, ended), ended);
});

test('reached: a part beyond the last is part 0 of the next', () => {
  const at = (line: Timeline, msn: number, part: number | null): boolean => hasReached(line, 'v', { msn, part });
  const growing = timeline(segment(6, 3), segment(7, 2));
  assert.deepEqual(
    [
      at(growing, 6, null),
      at(growing, 6, 99),
      at(growing, 7, 1),
      at(growing, 7, 2),
      at(growing, 7, null),
      at(growing, 8, 0),
    ],
    [true, true, true, false, false, false],
  );
  const whole = timeline(segment(7, 3));
  assert.deepEqual([at(whole, 7, null), at(whole, 7, 2), at(whole, 7, 3), at(whole, 8, 0)], [true, true, false, false]);
  assert.equal(at(timeline(), 1, 0), false);
});

test('where an object stands, seen from here', () => {
  const line = timeline(segment(3, 0, true), segment(5, 3), segment(6, 2));
  const part = (number: number, index: number, epoch = EPOCH): string =>
    whereabouts(line, { kind: 'part', ...name(number, index), epoch });
  assert.deepEqual(
    [part(6, 1), part(6, 2), part(6, 5), part(6, 6), part(8, 5), part(8, 6), part(9, 0)],
    ['there', 'ahead', 'ahead', 'gone', 'ahead', 'gone', 'too-early'],
    'a segment of 1000 ms has parts of 333 ms: four, and two to spare',
  );
  assert.deepEqual(
    [part(5, 2), part(5, 3), part(4, 0), part(2, 0), part(3, 5)],
    ['there', 'gone', 'gone', 'gone', 'there'],
  );
  assert.deepEqual([part(6, 0, 'epoch0002'), part(7, 0, 'epoch0002')], ['gone', 'unheard']);
  const whole = (number: number): string => whereabouts(line, { kind: 'segment', track: 'v', epoch: EPOCH, number });
  assert.deepEqual(
    [whole(5), whole(6), whole(7), whole(9), whole(4)],
    ['there', 'ahead', 'ahead', 'too-early', 'gone'],
  );
  assert.equal(whereabouts(line, { kind: 'init', track: 'v', epoch: 'epoch0002' }), 'unheard');
  assert.equal(whereabouts(line, { kind: 'init', track: 'v', epoch: EPOCH }), 'ahead');
  assert.equal(whereabouts(line, { kind: 'init', track: 'x', epoch: EPOCH }), 'no-track');
});

test('what comes next', () => {
  const after = (line: Timeline) => nextPart(positionOf(line, 'v') ?? assert.fail(), 'v');
  assert.deepEqual(after(timeline(segment(6, 2))), name(6, 2));
  assert.deepEqual(after(timeline(segment(6, 3))), name(7, 0));
});
