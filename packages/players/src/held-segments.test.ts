import assert from 'node:assert/strict';
import { test } from 'node:test';
import { START_S, heldRange, holdsEnoughToStart, noteHeldSegments } from './browser/held-segments.ts';

type Details = Parameters<typeof noteHeldSegments>[0];

/** Parts of a third of a second; segments 10 and 11 are whole, 12 grows. */
function playlist(): Details {
  const fragments = [10, 11, 12].map((sn) => ({ sn, start: 2 * sn, end: 2 * sn + 2 }));
  const partList = fragments.flatMap((fragment) =>
    [0, 1].map((index) => {
      const start = fragment.start + index / 3;
      const elementaryStreams = { audio: null, video: null, audiovideo: null };
      return { fragment, start, end: start + 1 / 3, loaded: false, elementaryStreams };
    }),
  );
  return { partList, fragmentHint: fragments[2] } as unknown as Details;
}

function heldBy(details: Details): unknown[] {
  return (details.partList ?? [])
    .filter((part) => part.elementaryStreams.video !== null)
    .map((part) => part.fragment.sn);
}

test('of another pathway the parts of segments in the buffer count as loaded, to a rounding of its end', () => {
  const details = playlist();
  noteHeldSegments(details, 'video', { start: 22, end: 23.999999 });
  assert.deepEqual(heldBy(details), [11, 11], '10 has left the buffer');
  assert.ok((details.partList ?? []).every(({ elementaryStreams }) => elementaryStreams.audio === null));
});

test('a segment that is not whole, there or here, is left to hls.js', () => {
  for (const end of [23.9, 27]) {
    const details = playlist();
    noteHeldSegments(details, 'video', { start: 20, end });
    assert.deepEqual(heldBy(details), end < 24 ? [10, 10] : [10, 10, 11, 11]);
  }
  const details = playlist();
  noteHeldSegments(details, 'video', null);
  assert.deepEqual(heldBy(details), []);
});

test('the range that plays is the one round the picture', () => {
  const ranges = [
    [0, 2],
    [5, 9],
  ] as const;
  const buffered = { length: 2, start: (n: number) => ranges[n]?.[0] ?? 0, end: (n: number) => ranges[n]?.[1] ?? 0 };
  assert.deepEqual(heldRange({ buffered, currentTime: 6 }), { start: 5, end: 9 });
  assert.deepEqual(heldRange({ buffered, currentTime: 9.01 }), { start: 5, end: 9 });
  assert.equal(heldRange({ buffered, currentTime: 3 }), null);
});

test('a picture begins to move once it can, and not with less ahead than it is to have', () => {
  const standing = (aheadS: number, readyState: number): boolean => {
    const buffered = { length: 1, start: () => 10, end: () => 10.25 + aheadS };
    return holdsEnoughToStart({ buffered, currentTime: 10.25, readyState });
  };
  assert.equal(standing(START_S + 0.125, 3), true);
  assert.equal(standing(START_S - 0.125, 4), false, 'too little');
  assert.equal(standing(START_S + 0.125, 2), false, 'nothing decoded yet beyond the frame on screen');
  const elsewhere = { length: 1, start: () => 10, end: () => 12 };
  assert.equal(
    holdsEnoughToStart({ buffered: elsewhere, currentTime: 0, readyState: 4 }),
    false,
    'not at its start yet',
  );
});

test('at a start the picture counts as held for as far back as it goes, though the sound begins later', () => {
  const both = { buffered: { length: 1, start: () => 23.3, end: () => 24 }, currentTime: 23.6 };
  const picture = { buffered: { length: 1, start: () => 22, end: () => 24 } };
  const details = playlist();
  noteHeldSegments(details, 'video', heldRange(both));
  assert.deepEqual(heldBy(details), []);
  noteHeldSegments(details, 'video', heldRange(both, picture));
  assert.deepEqual(heldBy(details), [11, 11]);
});
