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
/** The clock bar stands at the top; the rest need not be looked at. */
const BAR_SHARE = 0.1;

interface Taken {
  readonly from: string;
  readonly dateMs: number;
  readonly media: Buffer;
}

test('PROGRAM-DATE-TIME is within 50 ms of the burnt-in clock, in every rendition of every playlist', async (context) => {
  const taken = await takeSegments();
  // Decoded only now: beside its decoders a publisher falls behind its own timestamps, and its clock with it.
  const medians = new Map<string, number[]>();
  for (const { from, dateMs, media } of taken) {
    const frames = await decodeFrames(media, BAR_SHARE);
    const startS = frames[0]?.atS ?? 0;
    const apart = frames.map(({ atS, frame }) => {
      const clock = readClockBar(frame);
      assert.ok(clock !== null, 'every frame has a readable clock');
      return sinceClockBar(clock, dateMs + (atS - startS) * 1000);
    });
    medians.set(from, [...(medians.get(from) ?? []), median(apart)]);
  }
  assert.equal(medians.size, 6, 'two renditions of three playlists');
  for (const [from, all] of medians) {
    context.diagnostic(`${from}: the date is ${all.join(', ')} ms after the clock (a segment's median)`);
    for (const apart of all) assert.ok(Math.abs(apart) <= APART_MS, `${from}: ${apart} ms`);
  }
});

/** The newest segments of every rendition of every playlist, from a fleet that is gone when this returns. */
async function takeSegments(): Promise<Taken[]> {
  await using fleet = await startFleet({ edges: 1 });
  const { viewer } = await fleet.putOnAir('show');
  const taken: Taken[] = [];
  for (const master of ['master.m3u8', 'classic.m3u8', 'ts.m3u8']) {
    const { variants } = await readRenditions(`${fleet.plan.edgeUrls[0]}${viewer.path}/${master}`);
    for (const { url, height } of variants) {
      // The first segment is cut short and its anchor is still settling; what plays on is judged.
      const segments = await until(`${SEGMENTS + 1} segments`, 20_000, async () => {
        const newest = await newestSegments(url, SEGMENTS + 1);
        return newest.length > SEGMENTS && newest.slice(1);
      });
      for (const segment of segments) {
        const from = `${master} ${height}`;
        assert.ok(segment.programDateTime !== undefined, `${from} tells the time of segment ${segment.number}`);
        const init = segment.mapUrl === undefined ? [] : [await readWhole(segment.mapUrl)];
        const media = Buffer.concat([...init, await readWhole(segment.url)]);
        taken.push({ from, dateMs: segment.programDateTime, media });
      }
    }
  }
  return taken;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
