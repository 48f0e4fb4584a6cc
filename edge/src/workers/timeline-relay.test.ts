import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Segment, type Timeline, applyChange } from '@headwater/protocol/timeline';
import { TimelineRelay } from './timeline-relay.ts';

const VIEW = {};

function segment(number: number, bytes: number): Segment {
  return { number, epoch: 'epoch0000', startTicks: number * 10, durationTicks: 10, bytes, complete: true, parts: [] };
}

function timeline(revision: number, windows: Timeline['windows']): Timeline {
  return {
    stream: 'show',
    revision,
    state: 'live',
    segmentDurationMs: 2_000,
    partDurationMs: 1_000,
    partTargetMs: 1_100,
    anchorMs: 0,
    windowSegments: 10,
    epochs: [{ id: 'epoch0000', ordinal: 0, firstSegment: 0 }],
    tracks: ['v0', 'a0'].map((id) => ({ id, kind: 'video', codec: 'avc1', bandwidth: 1, timescale: 1 })),
    windows,
  };
}

test('who knows a revision is told what is new or grew since, and then knows the same', () => {
  const relay = new TimelineRelay();
  const [one, two, three] = [segment(1, 5), segment(2, 5), segment(3, 1)];
  const before = timeline(7, { v0: [one, two, three], a0: [one] });
  const grown = segment(3, 2);
  const after = timeline(8, { v0: [one, two, grown, segment(4, 1)], a0: [one] });
  const first = relay.change(VIEW, before, null);
  assert.deepEqual(first, { full: true, timeline: before });
  const second = relay.change(VIEW, after, 7);
  assert.equal(second.full, false);
  assert.deepEqual(second.timeline.windows, { v0: [grown, segment(4, 1)], a0: [] });
  assert.deepEqual(applyChange(applyChange(undefined, first), second), after);
});

test('where more went than the oldest, everything is told', () => {
  const relay = new TimelineRelay();
  const [one, two, three] = [segment(1, 5), segment(2, 5), segment(3, 5)];
  relay.change(VIEW, timeline(30, { v0: [one, two, three], a0: [one] }), null);
  assert.equal(relay.change(VIEW, timeline(31, { v0: [two, three], a0: [one] }), 30).full, false);
  assert.equal(relay.change(VIEW, timeline(32, { v0: [one, two], a0: [one] }), 30).full, true, 'numbers went back');
  assert.equal(relay.change(VIEW, timeline(33, { v0: [one, two, three] }), 30).full, true, 'a track went');
});

test('who knows what nobody remembers is told everything', () => {
  const relay = new TimelineRelay();
  for (let revision = 1; revision <= 17; revision += 1) relay.change(VIEW, timeline(revision, {}), null);
  const next = timeline(18, { v0: [segment(1, 1)] });
  assert.equal(relay.change(VIEW, next, 2).full, false, 'sixteen revisions back');
  assert.equal(relay.change(VIEW, next, 1).full, true, 'and one more');
  assert.equal(relay.change(VIEW, next, 99).full, true);
  assert.equal(relay.change({}, next, 17).full, true, 'of another follower of that name');
});
