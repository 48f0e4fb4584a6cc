import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseTimelineChange } from './parse-timeline.ts';
import type { TimelineChange } from './timeline.ts';

const EPOCH = '0mu5k2x9f00c0ffee01';
const CHANGE: TimelineChange = {
  full: true,
  timeline: {
    stream: 'show',
    revision: 7,
    state: 'live',
    segmentDurationMs: 2000,
    partDurationMs: 1000 / 3,
    partTargetMs: 342,
    anchorMs: 0,
    windowSegments: 3,
    epochs: [{ id: EPOCH, ordinal: 0, firstSegment: 0 }],
    tracks: [
      { id: 'v720', kind: 'video', codec: 'avc1.64001f', bandwidth: 1, timescale: 90_000, frameRate: [30, 1] },
      { id: 'a0', kind: 'audio', codec: 'mp4a.40.2', bandwidth: 1, timescale: 48_000, channels: 2 },
    ],
    windows: {
      v720: [
        {
          number: 1,
          epoch: EPOCH,
          startTicks: 180_000,
          durationTicks: 30_000,
          bytes: 9,
          complete: false,
          parts: [{ durationTicks: 30_000, independent: true, bytes: 9 }],
        },
      ],
      a0: [],
    },
  },
};

test('what an origin writes is read as it stands', () => {
  assert.deepEqual(parseTimelineChange(JSON.parse(JSON.stringify(CHANGE))), CHANGE);
});

/** Every place of a JSON value, as the keys that lead there. */
function places(value: unknown, here: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [here];
  return [here, ...Object.entries(value).flatMap(([key, below]) => places(below, [...here, key]))];
}

function withPut(path: readonly string[], put: unknown): unknown {
  const [last, ...rest] = [...path].reverse();
  if (last === undefined) return put;
  const copy = JSON.parse(JSON.stringify(CHANGE)) as Record<string, unknown>;
  const holder = rest.reverse().reduce((at, key) => at[key] as Record<string, unknown>, copy);
  holder[last] = put;
  return copy;
}

test('whatever stands in the wrong place, it is no timeline', () => {
  const paths = places(CHANGE);
  assert.ok(paths.length > 45, `${paths.length} places`);
  for (const path of paths) {
    for (const wrong of [null, {}, [{}], -1, Number.NaN]) {
      if (wrong === -1 && path.at(-1) === 'anchorMs') continue;
      if (typeof wrong === 'object' && path.at(-1) === 'windows' && wrong !== null && !Array.isArray(wrong)) continue;
      assert.equal(parseTimelineChange(withPut(path, wrong)), null, `${path.join('.')} = ${JSON.stringify(wrong)}`);
    }
  }
});
