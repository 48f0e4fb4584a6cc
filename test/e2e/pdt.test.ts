/** What the playlists say the time was is what the clock in the picture says. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readClockBar, sinceClockBar } from '../fleet/clock-bar.ts';
import { decodeFrames } from '../fleet/decode.ts';
import { startFleet } from '../fleet/fleet.ts';
import { newestSegments, readRenditions, readWhole } from '../fleet/stream-reader.ts';
import { until } from '../fleet/until.ts';

const APART_MS = 50;
const SEGMENTS = 4;

test('PROGRAM-DATE-TIME is within 50 ms of the burnt-in clock, in every rendition of every playlist', async (context) => {
  await using fleet = await startFleet({ edges: 1 });
  const { viewer } = await fleet.putOnAir('show');
  const base = `${fleet.plan.edgeUrls[0]}${viewer.path}`;
  for (const master of ['master.m3u8', 'classic.m3u8', 'ts.m3u8']) {
    const { variants } = await readRenditions(`${base}/${master}`);
    assert.ok(variants.length >= 2, master);
    for (const { url, height } of variants) {
      // The first segment is cut short and its anchor is still settling; what plays on is judged.
      const segments = await until(`${SEGMENTS + 1} segments`, 20_000, async () => {
        const newest = await newestSegments(url, SEGMENTS + 1);
        return newest.length > SEGMENTS && newest.slice(1);
      });
      const medians: number[] = [];
      const all: number[] = [];
      for (const segment of segments) {
        assert.ok(
          segment.programDateTime !== undefined,
          `${master} ${height} tells the time of segment ${segment.number}`,
        );
        const init = segment.mapUrl === undefined ? [] : [await readWhole(segment.mapUrl)];
        const frames = await decodeFrames(Buffer.concat([...init, await readWhole(segment.url)]));
        const startS = frames[0]?.atS ?? 0;
        const apart = frames.map(({ atS, frame }) => {
          const clock = readClockBar(frame);
          assert.ok(clock !== null, 'every frame has a readable clock');
          return sinceClockBar(clock, (segment.programDateTime ?? 0) + (atS - startS) * 1000);
        });
        all.push(...apart);
        medians.push(apart.toSorted((a, b) => a - b)[Math.floor(apart.length / 2)] ?? Number.NaN);
      }
      context.diagnostic(
        `${master} ${height}: the date is ${medians.join(', ')} ms after the clock (a segment's median); ` +
          `single frames ${Math.min(...all)}…${Math.max(...all)} ms, which is the source's own jitter as well`,
      );
      for (const median of medians) assert.ok(Math.abs(median) <= APART_MS, `${master} ${height}: ${median} ms`);
    }
  }
});
