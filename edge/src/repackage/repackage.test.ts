import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderMediaPlaylist } from '@headwater/media/hls/media-playlist';
import { tsBandwidth } from '@headwater/media/ts/bandwidth';
import type { Epoch, Segment, Timeline, Track } from '@headwater/protocol/timeline';
import { mpdOf } from './dash.ts';
import { mediaPlaylistOf, multivariantOf } from './hls.ts';

const VIDEO: Track = {
  id: 'v720',
  kind: 'video',
  codec: 'avc1.64001f',
  bandwidth: 2_800_000,
  timescale: 90_000,
  width: 1280,
  height: 720,
  frameRate: [30, 1],
};
const AUDIO: Track = {
  id: 'a0',
  kind: 'audio',
  codec: 'mp4a.40.2',
  bandwidth: 128_000,
  timescale: 48_000,
  channels: 2,
};
const FIRST: Epoch = { id: 'epoch0001', ordinal: 4, firstSegment: 100 };
const SECOND: Epoch = { id: 'epoch0002', ordinal: 5, firstSegment: 105 };

function segment(track: Track, number: number, parts = 6, listed = true): Segment {
  const epoch = number < SECOND.firstSegment ? FIRST.id : SECOND.id;
  const durationTicks = (track.timescale * parts) / 3;
  const part = { durationTicks: track.timescale / 3, independent: false, bytes: 10 };
  return {
    number,
    epoch,
    startTicks: number * 2 * track.timescale,
    durationTicks,
    bytes: parts * 10,
    complete: parts === 6,
    parts: listed ? Array.from({ length: parts }, (_, index) => ({ ...part, independent: index === 0 })) : [],
  };
}

function timeline(video: readonly Segment[], audio: readonly Segment[], more: Partial<Timeline> = {}): Timeline {
  return {
    stream: 'show',
    revision: 1,
    state: 'live',
    segmentDurationMs: 2000,
    partDurationMs: 333.3,
    partTargetMs: 342,
    anchorMs: 0,
    windowSegments: 6,
    epochs: [FIRST, SECOND],
    tracks: [VIDEO, AUDIO],
    windows: { v720: video, a0: audio },
    ...more,
  };
}

function numbers(track: Track, from: number, to: number): Segment[] {
  return Array.from({ length: to - from + 1 }, (_, index) => segment(track, from + index));
}

test('the window is the last numbers by rule; a missing one is a gap; a new epoch is a discontinuity', () => {
  const video = numbers(VIDEO, 100, 107).filter(({ number }) => number !== 103);
  const playlist = mediaPlaylistOf(timeline(video, numbers(AUDIO, 100, 107)), { track: VIDEO, flavour: 'classic' });
  assert.equal(playlist?.mediaSequence, 102);
  assert.equal(playlist.discontinuitySequence, 4);
  assert.deepEqual(
    playlist.segments.map(({ uri, gap, discontinuity }) => [uri, gap ?? false, discontinuity ?? false]),
    [
      ['epoch0001/102.m4s', false, false],
      ['epoch0001/103.m4s', true, false],
      ['epoch0001/104.m4s', false, false],
      ['epoch0002/105.m4s', false, true],
      ['epoch0002/106.m4s', false, false],
      ['epoch0002/107.m4s', false, false],
    ],
  );
  const text = renderMediaPlaylist(playlist);
  assert.match(text, /#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI="epoch0002\/init\.mp4"\n/);
  assert.match(text, /#EXT-X-GAP\n#EXTINF:2\.00000,\nepoch0001\/103\.m4s\n/);
});

test('the stream begins where its first epoch does, with no gaps before it', () => {
  const young = timeline(numbers(VIDEO, 100, 101), numbers(AUDIO, 100, 101), { epochs: [FIRST] });
  const playlist = mediaPlaylistOf(young, { track: VIDEO, flavour: 'classic' });
  assert.deepEqual([playlist?.mediaSequence, playlist?.segments.length], [100, 2]);
  const empty = timeline([], []);
  assert.equal(mediaPlaylistOf(empty, { track: VIDEO, flavour: 'low-latency' }), null);
  assert.equal(mpdOf(empty, { nowMs: 0, clockUrl: '/time' }), null);
});

test('low latency: bytes depend on the track’s own position, not on what else is known', () => {
  const growing = [...numbers(VIDEO, 100, 106), segment(VIDEO, 107, 2)];
  const wanted = { track: VIDEO, flavour: 'low-latency' } as const;
  const far = mediaPlaylistOf(timeline(growing, numbers(AUDIO, 100, 107)), wanted);
  // Another edge has heard less of the other track, and keeps parts that this one was never told of.
  const trimmed = growing.map((each) => (each.number < 104 ? { ...each, parts: [] } : each));
  const near = mediaPlaylistOf(timeline(trimmed, numbers(AUDIO, 100, 104)), wanted);
  assert.deepEqual(near, far);
  assert.equal(far?.preloadHintUri, 'epoch0002/107.2.m4s');
  assert.deepEqual(far.renditionReports, [{ uri: '../a0/media.m3u8', lastMediaSequence: 107, lastPart: 1 }]);
  assert.deepEqual(
    far.segments.map(({ parts }) => parts?.length ?? 0),
    [0, 0, 6, 6, 6, 2],
  );
});

test('low latency: after a whole segment the next one’s first part is hinted; after the end nothing is', () => {
  const whole = timeline(numbers(VIDEO, 105, 107), numbers(AUDIO, 105, 107));
  const wanted = { track: AUDIO, flavour: 'low-latency' } as const;
  assert.equal(mediaPlaylistOf(whole, wanted)?.preloadHintUri, 'epoch0002/108.0.m4s');
  const ended = mediaPlaylistOf({ ...whole, state: 'ended' }, wanted);
  assert.deepEqual([ended?.preloadHintUri, ended?.renditionReports, ended?.ended], [undefined, undefined, true]);
});

test('MPEG-TS waits for the audio of a segment, however late, until the stream has ended', () => {
  const wanted = { track: VIDEO, flavour: 'ts' } as const;
  const lastOf = (audioTo: number, state: Timeline['state']): unknown[] => {
    const known = timeline(numbers(VIDEO, 100, 107), numbers(AUDIO, 100, audioTo), { state });
    const playlist = mediaPlaylistOf(known, wanted);
    return [playlist?.segments.at(-1)?.uri, playlist?.ended];
  };
  assert.deepEqual(lastOf(107, 'live'), ['epoch0002/107.ts', false]);
  assert.deepEqual(lastOf(106, 'live'), ['epoch0002/106.ts', false]);
  assert.deepEqual(lastOf(103, 'live'), ['epoch0001/103.ts', false]);
  assert.deepEqual(lastOf(106, 'ended'), ['epoch0002/107.ts', true]);
});

test('renditions: audio beside fMP4, inside MPEG-TS, alone when there is no video', () => {
  const both = timeline(numbers(VIDEO, 105, 106), numbers(AUDIO, 105, 106));
  const apart = multivariantOf(both, 'low-latency', '');
  assert.deepEqual([apart.variants[0]?.uri, apart.audio?.[0]?.uri], ['v720/media.m3u8', 'a0/media.m3u8']);
  assert.equal(apart.variants[0]?.bandwidth, 2_928_000);
  const muxed = multivariantOf(both, 'ts', '?from=7');
  assert.deepEqual(
    [muxed.variants[0]?.uri, muxed.audio, muxed.variants[0]?.audioGroupId],
    ['v720/ts.m3u8?from=7', undefined, undefined],
  );
  assert.equal(muxed.variants[0]?.bandwidth, tsBandwidth([VIDEO, AUDIO], 2000));
  const radioTs = multivariantOf({ ...both, tracks: [AUDIO] }, 'ts', '');
  assert.equal(radioTs.variants[0]?.bandwidth, tsBandwidth([AUDIO], 2000));
  const radio = multivariantOf({ ...both, tracks: [AUDIO] }, 'classic', '');
  assert.deepEqual(radio.variants, [{ uri: 'a0/classic.m3u8', bandwidth: 128_000, codecs: ['mp4a.40.2'] }]);
});

test('DASH: a Period per epoch on one clock; one that broke off says how long it was', () => {
  const mpd = mpdOf(timeline(numbers(VIDEO, 100, 102), numbers(AUDIO, 105, 106)), {
    nowMs: 220_000,
    clockUrl: '/time',
  });
  assert.deepEqual(
    mpd?.periods.map(({ id, startMs, durationMs }) => [id, startMs, durationMs]),
    [
      ['epoch0001', 200_000, 6_000],
      ['epoch0002', 210_000, undefined],
    ],
  );
  const rule = mpd?.periods[1]?.adaptationSets[0]?.segments;
  assert.deepEqual(
    [rule?.startNumber, rule?.presentationTimeOffsetTicks, rule?.durationTicks],
    [105, 18_900_000, 180_000],
  );
  assert.equal(rule?.availabilityTimeOffsetMs, 2000 - 342);
});

test('DASH: an ended stream has an end; time shift is a latency, no deeper than the window', () => {
  const whole = timeline(numbers(VIDEO, 105, 107), numbers(AUDIO, 105, 107));
  const ended = mpdOf({ ...whole, state: 'ended' }, { nowMs: 220_000, clockUrl: '/time' });
  assert.deepEqual([ended?.mediaPresentationDurationMs, ended?.minimumUpdatePeriodMs], [216_000, undefined]);
  assert.equal(mpdOf(whole, { nowMs: 220_000, clockUrl: '/time', fromMs: 215_000 })?.latency?.targetMs, 5_000);
  assert.equal(mpdOf(whole, { nowMs: 220_000, clockUrl: '/time', fromMs: 0 })?.latency?.targetMs, 10_000);
});
