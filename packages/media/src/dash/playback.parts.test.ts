import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AAC, AUDIO_INPUT, H264, VIDEO_INPUT } from '../../fixtures/ffmpeg.ts';
import { frameHashes, playedFrames } from '../../fixtures/frames.ts';
import { cutTrack, encodeTrack, trackFile, type CutTrack } from '../../fixtures/segments.ts';
import { writeInit } from '../mp4/init.ts';
import { renderMpd } from './mpd.ts';
import type { AdaptationSet } from './period.ts';

const SEGMENT_S = 2;
const FIRST = 895_000_000;
const COUNT = 4;
/** ffmpeg asks for one segment more than the presentation's duration holds. */
const STORED = COUNT + 1;

function adaptationSet(kind: 'video' | 'audio', { init }: CutTrack): AdaptationSet {
  return {
    id: kind === 'video' ? 0 : 1,
    kind,
    segments: {
      initialization: '$RepresentationID$/e1/init.mp4',
      media: '$RepresentationID$/e1/$Number$.m4s',
      timescale: init.timescale,
      durationTicks: SEGMENT_S * init.timescale,
      startNumber: FIRST,
      presentationTimeOffsetTicks: FIRST * SEGMENT_S * init.timescale,
    },
    representations: [{ id: kind, bandwidth: 500_000, codecs: init.codec }],
  };
}

test('ffmpeg plays every frame by way of our MPD', () => {
  const duration = ['-t', String(SEGMENT_S * STORED)];
  const cut = (args: readonly string[]): CutTrack => {
    const { init, segments } = cutTrack(encodeTrack([...args, ...duration]), SEGMENT_S, FIRST * SEGMENT_S);
    return { init, segments: segments.slice(0, STORED) };
  };
  const tracks = {
    video: cut([...VIDEO_INPUT, ...H264, '-tune', 'zerolatency']),
    audio: cut([...AUDIO_INPUT, ...AAC]),
  };
  const files: Record<string, Uint8Array> = {};
  for (const [id, { init, segments }] of Object.entries(tracks)) {
    files[`${id}/e1/init.mp4`] = writeInit(init);
    for (const [index, bytes] of segments.entries()) files[`${id}/e1/${FIRST + index}.m4s`] = bytes;
  }
  const mpd = renderMpd({
    type: 'static',
    availabilityStartMs: 0,
    publishMs: 0,
    mediaPresentationDurationMs: COUNT * SEGMENT_S * 1000,
    minBufferMs: 1000,
    maxSegmentDurationMs: SEGMENT_S * 1000,
    periods: [
      {
        id: 'e1',
        startMs: 0,
        adaptationSets: [adaptationSet('video', tracks.video), adaptationSet('audio', tracks.audio)],
      },
    ],
  });
  files['manifest.mpd'] = new TextEncoder().encode(mpd);
  for (const kind of ['video', 'audio'] as const) {
    const { init, segments } = tracks[kind];
    const expected = frameHashes(trackFile({ init, segments: segments.slice(0, COUNT) }), kind);
    assert.deepEqual(playedFrames(files, 'manifest.mpd', kind).slice(0, expected.length), expected);
  }
});
