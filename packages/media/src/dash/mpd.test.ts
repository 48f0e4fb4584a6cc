import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse, parseUTCTiming } from 'mpd-parser';
import { assertMediaError } from '../../fixtures/media-error.ts';
import { renderMpd } from './mpd.ts';
import type { Mpd } from './mpd.ts';
import type { AdaptationSet, Period } from './period.ts';

const FIRST = 895_000_000;
const SEGMENT_MS = 2000;

function set(kind: 'video' | 'audio', epoch: string, firstSegment: number): AdaptationSet {
  const timescale = kind === 'video' ? 90_000 : 48_000;
  return {
    id: kind === 'video' ? 0 : 1,
    kind,
    ...(kind === 'audio' && { language: 'en' }),
    segments: {
      initialization: `$RepresentationID$/${epoch}/init.mp4`,
      media: `$RepresentationID$/${epoch}/$Number$.m4s`,
      timescale,
      durationTicks: 2 * timescale,
      startNumber: firstSegment,
      presentationTimeOffsetTicks: firstSegment * 2 * timescale,
      availabilityTimeOffsetMs: 1666.7,
    },
    producerReference: { type: 'encoder', wallClockMs: 0, mediaTimeTicks: 0 },
    representations:
      kind === 'video'
        ? [
            {
              id: 'v720',
              bandwidth: 2_800_000.5,
              codecs: 'avc1.64001f',
              width: 1280,
              height: 720,
              frameRate: [30, 1],
            },
            {
              id: 'v360',
              bandwidth: 800_000,
              codecs: 'avc1.64001e',
              width: 640,
              height: 360,
              frameRate: [30_000, 1001],
            },
          ]
        : [{ id: 'a0', bandwidth: 128_000, codecs: 'mp4a.40.2', sampleRate: 48_000, channels: 2 }],
  };
}

function period(epoch: string, firstSegment: number): Period {
  return {
    id: epoch,
    startMs: firstSegment * SEGMENT_MS,
    adaptationSets: [set('video', epoch, firstSegment), set('audio', epoch, firstSegment)],
  };
}

function live(...periods: Period[]): Mpd {
  return {
    type: 'dynamic',
    availabilityStartMs: 0,
    publishMs: (FIRST + 30) * SEGMENT_MS,
    minimumUpdatePeriodMs: 2000,
    timeShiftBufferDepthMs: 60_000,
    minBufferMs: 1000,
    maxSegmentDurationMs: SEGMENT_MS,
    latency: { targetMs: 1500, minMs: 800, maxMs: 6000, minPlaybackRate: 0.96, maxPlaybackRate: 1.04 },
    utcTiming: { scheme: 'urn:mpeg:dash:utc:http-xsdate:2014', value: '/time?a=1&b="2"' },
    periods,
  };
}

/** The numbers in the segments' names; the reader's own `number` counts from 0. */
function numbers(playlist: { readonly segments: readonly { readonly uri: string }[] } | undefined): number[] {
  return playlist?.segments.map((segment) => Number(/(\d+)\.m4s$/.exec(segment.uri)?.[1])) ?? [];
}

test('a low-latency MPD says, byte for byte, what its model holds', () => {
  assert.equal(
    renderMpd(live({ ...period('e1', FIRST), adaptationSets: [set('video', 'e1', FIRST), set('audio', 'e1', FIRST)] })),
    `<?xml version="1.0" encoding="UTF-8"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-live:2011,urn:mpeg:dash:profile:cmaf:2019" type="dynamic" availabilityStartTime="1970-01-01T00:00:00.000Z" publishTime="2026-09-21T14:14:20.000Z" minimumUpdatePeriod="PT2S" timeShiftBufferDepth="PT60S" minBufferTime="PT1S" maxSegmentDuration="PT2S">
  <ServiceDescription id="0">
    <Latency referenceId="0" target="1500" min="800" max="6000"/>
    <PlaybackRate min="0.96" max="1.04"/>
  </ServiceDescription>
  <Period id="e1" start="PT1790000000S">
    <AdaptationSet id="0" contentType="video" mimeType="video/mp4" segmentAlignment="true" startWithSAP="1">
      <ProducerReferenceTime id="0" type="encoder" wallClockTime="1970-01-01T00:00:00.000Z" presentationTime="0">
        <UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-xsdate:2014" value="/time?a=1&#38;b=&#34;2&#34;"/>
      </ProducerReferenceTime>
      <Role schemeIdUri="urn:mpeg:dash:role:2011" value="main"/>
      <SegmentTemplate timescale="90000" duration="180000" startNumber="895000000" presentationTimeOffset="161100000000000" availabilityTimeOffset="1.667" availabilityTimeComplete="false" initialization="$RepresentationID$/e1/init.mp4" media="$RepresentationID$/e1/$Number$.m4s"/>
      <Representation id="v720" bandwidth="2800001" codecs="avc1.64001f" width="1280" height="720" frameRate="30"/>
      <Representation id="v360" bandwidth="800000" codecs="avc1.64001e" width="640" height="360" frameRate="30000/1001"/>
    </AdaptationSet>
    <AdaptationSet id="1" contentType="audio" mimeType="audio/mp4" lang="en" segmentAlignment="true" startWithSAP="1">
      <ProducerReferenceTime id="1" type="encoder" wallClockTime="1970-01-01T00:00:00.000Z" presentationTime="0">
        <UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-xsdate:2014" value="/time?a=1&#38;b=&#34;2&#34;"/>
      </ProducerReferenceTime>
      <Role schemeIdUri="urn:mpeg:dash:role:2011" value="main"/>
      <SegmentTemplate timescale="48000" duration="96000" startNumber="895000000" presentationTimeOffset="85920000000000" availabilityTimeOffset="1.667" availabilityTimeComplete="false" initialization="$RepresentationID$/e1/init.mp4" media="$RepresentationID$/e1/$Number$.m4s"/>
      <Representation id="a0" bandwidth="128000" codecs="mp4a.40.2" audioSamplingRate="48000">
        <AudioChannelConfiguration schemeIdUri="urn:mpeg:dash:23003:3:audio_channel_configuration:2011" value="2"/>
      </Representation>
    </AdaptationSet>
  </Period>
  <UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-xsdate:2014" value="/time?a=1&#38;b=&#34;2&#34;"/>
</MPD>
`,
  );
});

test('an independent reader lists the segments of the window by their global numbers', () => {
  const now = (FIRST + 100) * SEGMENT_MS;
  const manifest = parse(renderMpd(live(period('e1', FIRST))), {
    manifestUri: 'http://h/live/x/manifest.mpd',
    NOW: now,
  });
  assert.equal(manifest.minimumUpdatePeriod, 2000);
  const video = manifest.playlists[0];
  assert.deepEqual(video?.attributes['RESOLUTION'], { width: 1280, height: 720 });
  assert.equal(video?.attributes['CODECS'], 'avc1.64001f');
  const listed = numbers(video);
  assert.deepEqual([listed[0], listed.at(-1)], [FIRST + 70, FIRST + 99]);
  const last = video?.segments.at(-1);
  assert.equal(last?.uri, `v720/e1/${FIRST + 99}.m4s`);
  assert.equal(last?.map.uri, 'v720/e1/init.mp4');
  assert.equal(last?.duration, 2);
  const audio = manifest.mediaGroups.AUDIO['audio']?.['en (main)']?.playlists[0];
  assert.deepEqual(numbers(audio), listed);
  assert.deepEqual(parseUTCTiming(renderMpd(live(period('e1', FIRST)))), {
    method: 'GET',
    schemeIdUri: 'urn:mpeg:dash:utc:http-xsdate:2014',
    value: '/time?a=1&b="2"',
  });
});

test('each epoch is a Period; numbers and times go on across it', () => {
  const text = renderMpd({
    ...live(
      { ...period('e1', FIRST), startMs: 0, durationMs: 3 * SEGMENT_MS },
      { ...period('e2', FIRST + 3), startMs: 3 * SEGMENT_MS, durationMs: 2 * SEGMENT_MS },
    ),
    type: 'static',
    mediaPresentationDurationMs: 5 * SEGMENT_MS,
  });
  const video = parse(text, { manifestUri: 'http://h/manifest.mpd' }).playlists[0];
  assert.deepEqual(
    video?.segments.map((segment) => segment.uri),
    ['e1/895000000', 'e1/895000001', 'e1/895000002', 'e2/895000003', 'e2/895000004'].map((name) => `v720/${name}.m4s`),
  );
  assert.deepEqual(video?.discontinuityStarts, [3]);
});

test('an epoch that ended before the next began has a duration of its own', () => {
  const text = renderMpd(live({ ...period('e1', FIRST), durationMs: 7334 }, period('e2', FIRST + 90)));
  assert.match(text, /<Period id="e1" start="PT1790000000S" duration="PT7.334S">/);
});

test('an ended live stream keeps its clock and gets its end', () => {
  const { minimumUpdatePeriodMs: _, ...still } = live(period('e1', FIRST));
  const text = renderMpd({ ...still, mediaPresentationDurationMs: (FIRST + 5) * SEGMENT_MS });
  assert.match(text, /type="dynamic" [^>]*mediaPresentationDuration="PT1790000010S"/);
  assert.doesNotMatch(text, /minimumUpdatePeriod/);
});

test('a static presentation has no live attributes, and an end list', () => {
  const text = renderMpd({
    ...live({ ...period('e1', FIRST), startMs: 0 }),
    type: 'static',
    mediaPresentationDurationMs: 9500,
  });
  assert.doesNotMatch(text, /availabilityStartTime|minimumUpdatePeriod|timeShiftBufferDepth/);
  const manifest = parse(text, { manifestUri: 'http://h/manifest.mpd' });
  assert.equal(manifest.endList, true);
  assert.equal(manifest.duration, 9.5);
  assert.deepEqual(
    numbers(manifest.playlists[0]),
    [0, 1, 2, 3, 4].map((index) => FIRST + index),
  );
});

test('without low latency, nothing is promised early', () => {
  const video = set('video', 'e1', FIRST);
  const { availabilityTimeOffsetMs: _, ...rule } = video.segments;
  const { producerReference: __, ...plain } = video;
  const {
    latency: ___,
    utcTiming: ____,
    ...mpd
  } = live({ ...period('e1', FIRST), adaptationSets: [{ ...plain, segments: rule }] });
  assert.doesNotMatch(renderMpd(mpd), /availabilityTime(Offset|Complete)|ServiceDescription|Producer|UTCTiming/);
});

test('text cannot break out of an attribute or an element, and is read back unchanged', () => {
  const hostile = `a"b'<c>&d\n\t`;
  const video = set('video', 'e1', FIRST);
  const text = renderMpd({
    ...live({ ...period(hostile, FIRST), adaptationSets: [{ ...video, language: hostile }] }),
    locations: [{ id: 'e', baseUrl: 'http://h/?a=1&b=<2>', mpdUrl: 'http://h/m' }],
  });
  assert.equal(text.match(/a&#34;b'&#60;c&#62;&#38;d&#10;&#9;/g)?.length, 2);
  assert.match(text, /<BaseURL serviceLocation="e">http:\/\/h\/\?a=1&#38;b=&#60;2&#62;<\/BaseURL>/);
  const manifest = parse(text, { manifestUri: 'http://h/manifest.mpd', NOW: (FIRST + 2) * SEGMENT_MS });
  assert.equal(manifest.playlists.length, 2);
});

test('characters that XML cannot hold become U+FFFD', () => {
  const text = renderMpd({
    ...live(period('e1', FIRST)),
    locations: [{ id: 'e', baseUrl: 'a\u0000b\ud800c\u{1f600}d\udc00', mpdUrl: '' }],
  });
  assert.match(text, /<BaseURL serviceLocation="e">a\ufffdb\ufffdc\u{1f600}d\ufffd<\/BaseURL>/u);
});

test('what an MPD cannot hold is refused', () => {
  const model = live(period('e1', FIRST));
  assertMediaError(() => renderMpd({ ...model, publishMs: Number.NaN }), 'time_range');
  assertMediaError(() => renderMpd({ ...model, minBufferMs: -1 }), 'time_range');
  const latency = { targetMs: 1000, minPlaybackRate: Number.NaN };
  assertMediaError(() => renderMpd({ ...model, latency }), 'field_range');
  const video = set('video', 'e1', FIRST);
  for (const frameRate of [
    [30, 0],
    [0.5, 1],
    [-1, 1],
    [30, Number.NaN],
  ] as const) {
    const representations = [{ id: 'v', bandwidth: 1, codecs: 'avc1.64001f', frameRate }];
    const periods = [{ id: 'e1', startMs: 0, adaptationSets: [{ ...video, representations }] }];
    assertMediaError(() => renderMpd({ ...model, periods }), 'field_range');
  }
});

test('a lay-out of speakers is said by its index', () => {
  const indexOf = (channels: number): string | undefined => {
    const representations = [{ id: 'a', bandwidth: 1, codecs: 'mp4a.40.2', channels }];
    const adaptationSets = [{ ...set('audio', 'e1', FIRST), representations }];
    const text = renderMpd(live({ id: 'e1', startMs: 0, adaptationSets }));
    return /channel_configuration:2011" value="(\d+)"/.exec(text)?.[1];
  };
  assert.deepEqual([1, 2, 6, 7, 8, 9, 24].map(indexOf), ['1', '2', '6', '11', '7', '0', '13']);
});
