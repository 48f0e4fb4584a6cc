/** A flash and a beep that happen together at the source are together in every output, as an independent decoder sees them. */

import assert from 'node:assert/strict';
import { after, before, suite, test, type TestContext } from 'node:test';
import { parse } from 'mpd-parser';
import { beepStarts, decodeFrames, flashStarts, soundBreaks } from '../fleet/decode.ts';
import { startFleet, type Fleet, type OnAir } from '../fleet/fleet.ts';
import { newestSegments, onAirFor, readRenditions, readText, readWhole } from '../fleet/stream-reader.ts';
import { until } from '../fleet/until.ts';

const APART_MS = 40;
/** 8 s: at least three flashes begin inside. */
const SEGMENTS = 4;
/** The first ones are left out: everything starts at once on the machine, and the clocks are still settling. */
const SETTLE_SEGMENTS = 2;

suite('sound and picture', () => {
  let fleet: Fleet;
  let show: OnAir;
  let base: string;
  before(async () => {
    fleet = await startFleet({ edges: 1 });
    show = await fleet.putOnAir('show');
    base = `${fleet.plan.edgeUrls[0]}${show.viewer.path}`;
    await onAirFor(`${base}/classic.m3u8`, SETTLE_SEGMENTS + SEGMENTS);
  });
  after(() => fleet?.[Symbol.asyncDispose]());

  test('HLS with fMP4', async (context) => {
    const { variants, audio } = await readRenditions(`${base}/classic.m3u8`);
    assert.ok(audio !== null, 'the sound has a rendition of its own');
    for (const { url } of variants) {
      const pictures = await newestSegments(url, SEGMENTS);
      const numbers = new Set(pictures.map(({ number }) => number));
      const sounds = await until('the sound of these segments', 5_000, async () => {
        const those = (await newestSegments(audio, 2 * SEGMENTS)).filter(({ number }) => numbers.has(number));
        return those.length === SEGMENTS && those;
      });
      await together(context, await concatenated(pictures), await concatenated(sounds));
    }
  });

  test('HLS with MPEG-TS', async (context) => {
    const { variants } = await readRenditions(`${base}/ts.m3u8`);
    assert.ok(variants.length >= 2);
    for (const { url } of variants) {
      const both = await concatenated(await newestSegments(url, SEGMENTS));
      await together(context, both, both);
    }
  });

  test('DASH', async (context) => {
    const manifestUri = `${base}/manifest.mpd`;
    const mpd = parse(await readText(manifestUri), { manifestUri });
    const sounds = Object.values(mpd.mediaGroups.AUDIO).flatMap((group) => Object.values(group));
    const sound = await dashMedia(sounds[0]?.playlists[0]);
    for (const playlist of mpd.playlists) await together(context, await dashMedia(playlist), sound);
  });
});

async function concatenated(segments: Awaited<ReturnType<typeof newestSegments>>): Promise<Uint8Array> {
  const map = segments[0]?.mapUrl;
  const urls = [...(map === undefined ? [] : [map]), ...segments.map(({ url }) => url)];
  return Buffer.concat(await Promise.all(urls.map(readWhole)));
}

type DashPlaylist = ReturnType<typeof parse>['playlists'][number];

/** The newest segments that are whole by now. A segment that still grows would be read to its end, only later. */
async function dashMedia(playlist: DashPlaylist | undefined): Promise<Uint8Array> {
  const segments = playlist?.segments.slice(-SEGMENTS - 1, -1) ?? [];
  assert.equal(segments.length, SEGMENTS, 'the MPD offers enough segments');
  const urls = [segments[0]?.map.resolvedUri ?? '', ...segments.map(({ resolvedUri }) => resolvedUri)];
  return Buffer.concat(await Promise.all(urls.map(readWhole)));
}

async function together(context: TestContext, picture: Uint8Array, sound: Uint8Array): Promise<void> {
  const flashes = flashStarts(await decodeFrames(picture));
  const beeps = await beepStarts(sound);
  const apartMs = flashes.map((flash) => {
    const nearest = beeps.reduce(
      (best, beep) => (Math.abs(beep - flash) < Math.abs(best - flash) ? beep : best),
      Infinity,
    );
    return (nearest - flash) * 1000;
  });
  const brokenS = (await soundBreaks(sound)).reduce((sum, { missingS }) => sum + Math.abs(missingS), 0);
  assert.ok(brokenS * 1000 <= APART_MS, `${brokenS} s of sound are missing or doubled`);
  context.diagnostic(`the beep follows the flash by ${apartMs.map((ms) => ms.toFixed(1)).join(', ')} ms`);
  assert.ok(flashes.length >= 3, `${flashes.length} flashes were found`);
  for (const ms of apartMs) assert.ok(Math.abs(ms) <= APART_MS, `${ms} ms apart`);
}
