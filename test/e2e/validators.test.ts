/** Independent readers find nothing wrong with what an edge serves. */

import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { XMLParser } from 'fast-xml-parser';
import { parse } from 'mpd-parser';
import { decodeErrors, run } from '../fleet/decode.ts';
import { startFleet, type Fleet } from '../fleet/fleet.ts';
import { newestSegments, parsePlaylist, readRenditions, readText, readWhole } from '../fleet/stream-reader.ts';
import { until } from '../fleet/until.ts';

const SEGMENTS = 4;

suite('independent readers', () => {
  let fleet: Fleet;
  let base: string;
  before(async () => {
    fleet = await startFleet({ edges: 1 });
    const { viewer } = await fleet.putOnAir('show');
    base = `${fleet.plan.edgeUrls[0]}${viewer.path}`;
    const { variants, audio } = await readRenditions(`${base}/classic.m3u8`);
    const urls = [...variants.map(({ url }) => url), ...(audio === null ? [] : [audio])];
    // Renditions are whole at slightly different moments: each must have them.
    await until(`${SEGMENTS} segments of each rendition`, 20_000, async () => {
      const found = await Promise.all(urls.map((url) => newestSegments(url, SEGMENTS)));
      return found.every(({ length }) => length === SEGMENTS);
    });
  });
  after(() => fleet?.[Symbol.asyncDispose]());

  for (const form of ['master.m3u8', 'classic.m3u8', 'ts.m3u8']) {
    test(`m3u8-parser: ${form} and its media playlists`, async () => {
      const master = parsePlaylist(await readText(`${base}/${form}`));
      assert.equal(master.playlists?.length, 2);
      for (const { attributes } of master.playlists ?? []) {
        assert.ok((attributes.BANDWIDTH ?? 0) > 100_000);
        assert.match(attributes.CODECS ?? '', /^avc1\.[0-9a-f]{6},mp4a\.40\.2$/);
      }
      const { variants, audio } = await readRenditions(`${base}/${form}`);
      assert.equal(audio === null, form === 'ts.m3u8', 'sound is muxed into TS, and its own rendition elsewhere');
      for (const url of [...variants.map((variant) => variant.url), ...(audio === null ? [] : [audio])]) {
        const media = parsePlaylist(await readText(url));
        assert.equal(media.targetDuration, 2, url.pathname);
        assert.equal(media.endList, undefined, 'a live playlist has no end');
        assert.ok(media.segments.length >= SEGMENTS, url.pathname);
        assert.equal(media.partTargetDuration !== undefined, form === 'master.m3u8', url.pathname);
        for (const segment of media.segments) {
          assert.ok(segment.duration > 0 && segment.duration <= 2.1, `${segment.uri} lasts ${segment.duration} s`);
        }
      }
    });
  }

  test('mpd-parser and an XML parser: the MPD', async () => {
    const manifestUri = `${base}/manifest.mpd`;
    const text = await readText(manifestUri);
    const xml = new XMLParser({ ignoreAttributes: false }).parse(text, true) as {
      readonly MPD: { readonly '@_type': string; readonly '@_availabilityStartTime': string };
    };
    assert.equal(xml.MPD['@_type'], 'dynamic');
    assert.equal(Date.parse(xml.MPD['@_availabilityStartTime']), 0, 'media time is Unix time');
    const mpd = parse(text, { manifestUri });
    const heights = new Set(mpd.playlists.map(({ attributes }) => attributes.RESOLUTION?.height));
    assert.deepEqual(heights, new Set([360, 240]));
    assert.equal(Object.keys(mpd.mediaGroups.AUDIO).length, 1);
    for (const { segments } of mpd.playlists) {
      const now = Math.floor(Date.now() / 2_000);
      const newest = Number(/\/(\d+)\.m4s$/.exec(segments.at(-1)?.resolvedUri ?? '')?.[1]);
      assert.ok(Math.abs(now - newest) <= 2, `$Number$ is the segment's place in Unix time: ${newest}, now ${now}`);
    }
  });

  test('ffmpeg: CMAF of every rendition decodes without a line of error', async () => {
    const { variants, audio } = await readRenditions(`${base}/classic.m3u8`);
    assert.ok(audio !== null);
    for (const url of [...variants.map((variant) => variant.url), audio]) {
      assert.equal(await decodeErrors(await concatenated(url)), '', url.pathname);
    }
  });

  test('ffmpeg and ffprobe: TS across segment joins, without a line of error', async () => {
    const { variants } = await readRenditions(`${base}/ts.m3u8`);
    for (const { url, height } of variants) {
      const media = await concatenated(url);
      assert.equal(media.length % 188, 0);
      assert.equal(await decodeErrors(media), '', url.pathname);
      const show = ['-v', 'error', '-show_entries', 'stream=codec_name,height,sample_rate', '-of', 'json', 'pipe:0'];
      const { stdout, stderr } = await run('ffprobe', show, media);
      assert.equal(stderr, '', url.pathname);
      const { streams } = JSON.parse(stdout.toString()) as { streams: { codec_name: string; height?: number }[] };
      assert.deepEqual(streams.map((stream) => stream.codec_name).toSorted(), ['aac', 'h264']);
      assert.equal(streams.find((stream) => stream.codec_name === 'h264')?.height, height);
    }
  });
});

/** The newest segments as one file: what a player that joined a while ago has fed its decoder. */
async function concatenated(playlistUrl: URL): Promise<Uint8Array> {
  const segments = await newestSegments(playlistUrl, SEGMENTS);
  const map = segments[0]?.mapUrl;
  const urls = [...(map === undefined ? [] : [map]), ...segments.map(({ url }) => url)];
  return Buffer.concat(await Promise.all(urls.map(readWhole)));
}
