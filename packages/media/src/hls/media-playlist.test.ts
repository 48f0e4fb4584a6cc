import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Parser } from 'm3u8-parser';
import { assertMediaError } from '../../fixtures/media-error.ts';
import { renderDeltaUpdate, renderMediaPlaylist } from './media-playlist.ts';
import type { MediaPlaylist, PlaylistPart, PlaylistSegment } from './media-playlist.ts';

const TICKS = 90_000;
const FIRST = 895_000_000;

function part(segment: number, index: number): PlaylistPart {
  return { uri: `e1/${segment}.${index}.m4s`, durationTicks: 30_000, independent: index === 0 };
}

function segment(number: number, parts = 0, complete = true): PlaylistSegment {
  return {
    uri: `e1/${number}.m4s`,
    durationTicks: complete ? 2 * TICKS : parts * 30_000,
    complete,
    mapUri: 'e1/init.mp4',
    programDateTimeMs: number * 2000,
    parts: Array.from({ length: parts }, (_, index) => part(number, index)),
  };
}

function lowLatency(segments: number, openParts: number): MediaPlaylist {
  const whole = Array.from({ length: segments }, (_, index) => segment(FIRST + index, index >= segments - 3 ? 6 : 0));
  const open = FIRST + segments;
  return {
    timescale: TICKS,
    targetDurationS: 2,
    mediaSequence: FIRST,
    discontinuitySequence: 4,
    partTargetMs: 334,
    serverControl: { canBlockReload: true, partHoldBackMs: 1002, holdBackMs: 6000, canSkipUntilMs: 12_000 },
    segments: [...whole, segment(open, openParts, false)],
    preloadHintUri: `e1/${open}.${openParts}.m4s`,
    renditionReports: [
      { uri: '../a0/media.m3u8', lastMediaSequence: open, ...(openParts > 0 && { lastPart: openParts - 1 }) },
    ],
    ended: false,
  };
}

function read(text: string) {
  const parser = new Parser();
  parser.push(text);
  parser.end();
  return parser.manifest;
}

test('a low-latency playlist says, byte for byte, what its model holds', () => {
  assert.equal(
    renderMediaPlaylist({ ...lowLatency(1, 2), discontinuitySequence: 0 }),
    `#EXTM3U
#EXT-X-VERSION:9
#EXT-X-TARGETDURATION:2
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.002,HOLD-BACK=6.000,CAN-SKIP-UNTIL=12.000
#EXT-X-PART-INF:PART-TARGET=0.334
#EXT-X-MEDIA-SEQUENCE:895000000
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MAP:URI="e1/init.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-09-21T14:13:20.000Z
#EXT-X-PART:DURATION=0.33333,URI="e1/895000000.0.m4s",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.33333,URI="e1/895000000.1.m4s"
#EXT-X-PART:DURATION=0.33333,URI="e1/895000000.2.m4s"
#EXT-X-PART:DURATION=0.33333,URI="e1/895000000.3.m4s"
#EXT-X-PART:DURATION=0.33333,URI="e1/895000000.4.m4s"
#EXT-X-PART:DURATION=0.33333,URI="e1/895000000.5.m4s"
#EXTINF:2.00000,
e1/895000000.m4s
#EXT-X-PROGRAM-DATE-TIME:2026-09-21T14:13:22.000Z
#EXT-X-PART:DURATION=0.33333,URI="e1/895000001.0.m4s",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.33333,URI="e1/895000001.1.m4s"
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="e1/895000001.2.m4s"
#EXT-X-RENDITION-REPORT:URI="../a0/media.m3u8",LAST-MSN=895000001,LAST-PART=1
`,
  );
});

test('an independent reader finds every field of a low-latency playlist', () => {
  const manifest = read(renderMediaPlaylist(lowLatency(30, 4)));
  assert.equal(manifest.version, 9);
  assert.equal(manifest.targetDuration, 2);
  assert.equal(manifest.mediaSequence, FIRST);
  assert.equal(manifest.discontinuitySequence, 4);
  assert.equal(manifest.independentSegments, true);
  assert.equal(manifest.partTargetDuration, 0.334);
  assert.deepEqual(manifest.serverControl, {
    canBlockReload: true,
    partHoldBack: 1.002,
    holdBack: 6,
    canSkipUntil: 12,
  });
  assert.equal(manifest.segments.length, 30);
  for (const [index, found] of manifest.segments.entries()) {
    assert.equal(found.uri, `e1/${FIRST + index}.m4s`);
    assert.equal(found.duration, 2);
    assert.equal(found.map?.uri, 'e1/init.mp4');
    assert.equal(found.dateTimeObject?.getTime(), (FIRST + index) * 2000);
    assert.equal(found.parts?.length ?? 0, index >= 27 ? 6 : 0);
  }
  assert.deepEqual(manifest.preloadSegment?.preloadHints, [{ type: 'PART', uri: `e1/${FIRST + 30}.4.m4s` }]);
  assert.equal(manifest.preloadSegment?.parts?.length, 4);
  assert.deepEqual(manifest.renditionReports, [{ uri: '../a0/media.m3u8', lastMsn: FIRST + 30, lastPart: 3 }]);
  assert.equal(manifest.endList, undefined);
});

test('a new epoch brings a discontinuity and its own map; both stand before its parts', () => {
  const next: PlaylistSegment = { ...segment(FIRST + 1, 1), discontinuity: true, mapUri: 'e2/init.mp4' };
  const text = renderMediaPlaylist({ ...lowLatency(1, 1), segments: [segment(FIRST), next, segment(FIRST + 2)] });
  const lines = text.split('\n');
  const at = lines.indexOf('#EXT-X-DISCONTINUITY');
  assert.deepEqual(lines.slice(at, at + 4), [
    '#EXT-X-DISCONTINUITY',
    '#EXT-X-MAP:URI="e2/init.mp4"',
    '#EXT-X-PROGRAM-DATE-TIME:2026-09-21T14:13:22.000Z',
    `#EXT-X-PART:DURATION=0.33333,URI="e1/${FIRST + 1}.0.m4s",INDEPENDENT=YES`,
  ]);
  const manifest = read(text);
  assert.deepEqual(manifest.discontinuityStarts, [1]);
  assert.deepEqual(
    manifest.segments.map((found) => found.map?.uri),
    ['e1/init.mp4', 'e2/init.mp4', 'e1/init.mp4'],
  );
});

test('gaps are named on segments and on parts', () => {
  const gap: PlaylistSegment = { ...segment(FIRST), gap: true, parts: [{ ...part(FIRST, 0), gap: true }] };
  const text = renderMediaPlaylist({ ...lowLatency(1, 1), segments: [gap] });
  assert.match(
    text,
    /#EXT-X-GAP\n#EXT-X-PART:DURATION=0.33333,URI="[^"]+",INDEPENDENT=YES,GAP=YES\n#EXTINF:2.00000,\n/,
  );
});

test('an ended playlist has ENDLIST and neither hint nor report', () => {
  const text = renderMediaPlaylist({ ...lowLatency(2, 0), ended: true });
  assert.ok(text.endsWith(`e1/${FIRST + 1}.m4s\n#EXT-X-ENDLIST\n`));
  assert.doesNotMatch(text, /PRELOAD|REPORT/);
  assert.equal(read(text).endList, true);
});

test('a growing segment without parts is not there, nor are its tags', () => {
  const text = renderMediaPlaylist({
    ...lowLatency(1, 0),
    segments: [segment(FIRST), { ...segment(FIRST + 5, 0, false), discontinuity: true }],
  });
  assert.doesNotMatch(text, /DISCONTINUITY\n|895000005/);
});

test('a playlist of MPEG-TS needs no map and is of version 3', () => {
  const { mapUri: _, ...bare } = segment(FIRST);
  assert.equal(
    renderMediaPlaylist({
      timescale: TICKS,
      targetDurationS: 2,
      mediaSequence: FIRST,
      discontinuitySequence: 0,
      segments: [{ ...bare, uri: `${FIRST}.ts` }],
      ended: false,
    }),
    `#EXTM3U
#EXT-X-VERSION:3
#EXT-X-TARGETDURATION:2
#EXT-X-MEDIA-SEQUENCE:895000000
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-PROGRAM-DATE-TIME:2026-09-21T14:13:20.000Z
#EXTINF:2.00000,
895000000.ts
`,
  );
});

test('a delta update leaves out what ended before the skip boundary, and nothing nearer', () => {
  const playlist = lowLatency(30, 3);
  const delta = renderDeltaUpdate(playlist);
  // 12 s from the end of the last part: segment 24 ends 11 s before it, segment 23 ends 13 s before it.
  assert.match(delta, /#EXT-X-SKIP:SKIPPED-SEGMENTS=24\n#EXT-X-PROGRAM-DATE-TIME:/);
  assert.doesNotMatch(delta, /EXT-X-MAP/);
  const whole = renderMediaPlaylist(playlist);
  const kept = delta.slice(delta.indexOf('\n', delta.indexOf('EXT-X-SKIP')) + 1);
  assert.ok(whole.endsWith(kept));
  assert.ok(kept.startsWith(`#EXT-X-PROGRAM-DATE-TIME:`));
  assert.ok(kept.includes(`e1/${FIRST + 24}.m4s`) && !kept.includes(`e1/${FIRST + 23}.m4s`));
  assert.equal(read(delta).skip?.skippedSegments, 24);
});

test('a segment that ends at the skip boundary itself stays', () => {
  const delta = renderDeltaUpdate(lowLatency(30, 0));
  assert.equal(read(delta).skip?.skippedSegments, 23);
});

test('a delta update names the map again where it changes after the skip', () => {
  const playlist = lowLatency(30, 3);
  const segments = playlist.segments.map((found, index) => (index < 26 ? found : { ...found, mapUri: 'e2/init.mp4' }));
  const delta = renderDeltaUpdate({ ...playlist, segments });
  assert.equal(delta.match(/EXT-X-MAP:URI="e2\/init.mp4"/g)?.length, 1);
});

test('a delta update that has nothing to skip is the whole playlist', () => {
  const short = lowLatency(6, 1);
  assert.equal(renderDeltaUpdate(short), renderMediaPlaylist(short));
  const unpromised = { ...lowLatency(30, 3), serverControl: { canBlockReload: true } };
  assert.equal(renderDeltaUpdate(unpromised), renderMediaPlaylist(unpromised));
});

test('a URI cannot break out of its line or its quotes', () => {
  const hostile = 'x"\n#EXT-X-ENDLIST\r\ny';
  const text = renderMediaPlaylist({
    ...lowLatency(1, 1),
    segments: [{ ...segment(FIRST), uri: hostile, mapUri: hostile, parts: [{ ...part(FIRST, 0), uri: hostile }] }],
    preloadHintUri: hostile,
    renditionReports: [{ uri: hostile, lastMediaSequence: 1 }],
  });
  assert.doesNotMatch(text, /^#EXT-X-ENDLIST/m);
  assert.equal(text.match(/x%22%0A#EXT-X-ENDLIST%0D%0Ay/g)?.length, 5);
});

test('dates are right over midnight, in any order, and rounded to a millisecond', () => {
  const times = [1_797_379_199_999.6, 1_797_379_199_999.4, 0, 1_797_379_200_001, 951_782_400_000];
  const segments = times.map((programDateTimeMs, index) => ({ ...segment(FIRST + index), programDateTimeMs }));
  const text = renderMediaPlaylist({ ...lowLatency(1, 1), segments });
  const dates = [...text.matchAll(/DATE-TIME:(.+)/g)].map((match) => match[1]);
  assert.deepEqual(
    dates,
    times.map((time) => new Date(Math.round(time)).toISOString()),
  );
});

test('a playlist can say where a player begins', () => {
  assert.doesNotMatch(renderMediaPlaylist(lowLatency(1, 2)), /EXT-X-START/);
  const text = renderMediaPlaylist({ ...lowLatency(1, 2), startOffsetMs: 1500 });
  assert.match(text, /#EXT-X-START:TIME-OFFSET=1\.500,PRECISE=YES\n/);
});

test('what a playlist cannot hold is refused', () => {
  for (const change of [{ targetDurationS: 1.5 }, { mediaSequence: Number.NaN }, { discontinuitySequence: 0.5 }]) {
    assertMediaError(() => renderMediaPlaylist({ ...lowLatency(1, 2), ...change }), 'field_range');
  }
  for (const report of [{ lastMediaSequence: -1 }, { lastMediaSequence: 1, lastPart: 0.5 }]) {
    const renditionReports = [{ uri: 'a', ...report }];
    assertMediaError(() => renderMediaPlaylist({ ...lowLatency(1, 2), renditionReports }), 'field_range');
  }
  for (const change of [{ timescale: 0 }, { partTargetMs: Number.NaN }, { startOffsetMs: Infinity }]) {
    assertMediaError(() => renderMediaPlaylist({ ...lowLatency(1, 2), ...change }), 'time_range');
  }
});
