import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { AAC, AUDIO_INPUT, H264, VIDEO_INPUT } from '../../fixtures/ffmpeg.ts';
import { frameHashes, playedFrames } from '../../fixtures/frames.ts';
import { cutTrack, encodeTrack, trackFile, type CutTrack } from '../../fixtures/segments.ts';
import { writeInit } from '../mp4/init.ts';
import { muxSegment } from '../ts/mux.ts';
import { renderMediaPlaylist, type MediaPlaylist, type PlaylistSegment } from './media-playlist.ts';
import { renderMultivariant } from './multivariant.ts';

const SEGMENT_S = 2;
const FIRST = 895_000_000;
const COUNT = 4;

let video: CutTrack;
let audio: CutTrack;
before(() => {
  const duration = ['-t', String(SEGMENT_S * COUNT)];
  const cut = (args: readonly string[]): CutTrack => {
    const { init, segments } = cutTrack(encodeTrack(args), SEGMENT_S, FIRST * SEGMENT_S);
    return { init, segments: segments.slice(0, COUNT) };
  };
  video = cut([...VIDEO_INPUT, ...duration, ...H264, '-tune', 'zerolatency']);
  audio = cut([...AUDIO_INPUT, ...duration, ...AAC]);
});

function text(document: string): Uint8Array {
  return new TextEncoder().encode(document);
}

function playlist(
  timescale: number,
  segments: readonly Omit<PlaylistSegment, 'durationTicks' | 'complete'>[],
): Uint8Array {
  const model: MediaPlaylist = {
    timescale,
    targetDurationS: SEGMENT_S,
    mediaSequence: FIRST,
    discontinuitySequence: 0,
    segments: segments.map((segment) => ({ durationTicks: SEGMENT_S * timescale, complete: true, ...segment })),
    ended: true,
  };
  return text(renderMediaPlaylist(model));
}

/** A track's files, the second half under an epoch of its own. */
function trackFiles(id: string, { init, segments }: CutTrack): Record<string, Uint8Array> {
  const epochs = ['e1', 'e2'];
  const files: Record<string, Uint8Array> = {};
  for (const epoch of epochs) files[`${id}/${epoch}/init.mp4`] = writeInit(init);
  const listed = segments.map((bytes, index) => {
    const epoch = epochs[index < COUNT / 2 ? 0 : 1] ?? '';
    const uri = `${epoch}/${FIRST + index}.m4s`;
    files[`${id}/${uri}`] = bytes;
    return { uri, mapUri: `${epoch}/init.mp4`, discontinuity: index === COUNT / 2 };
  });
  files[`${id}/media.m3u8`] = playlist(init.timescale, listed);
  return files;
}

test('ffmpeg plays every frame of fMP4 by way of our playlists, over a new epoch too', () => {
  const files = {
    ...trackFiles('v180', video),
    ...trackFiles('a0', audio),
    'master.m3u8': text(
      renderMultivariant({
        audio: [{ groupId: 'audio', name: 'Main', uri: 'a0/media.m3u8', isDefault: true, channels: 2 }],
        variants: [
          {
            uri: 'v180/media.m3u8',
            bandwidth: 1_000_000,
            codecs: [video.init.codec, audio.init.codec],
            audioGroupId: 'audio',
          },
        ],
      }),
    ),
  };
  assert.deepEqual(playedFrames(files, 'master.m3u8', 'video'), frameHashes(trackFile(video), 'video'));
  assert.equal(playedFrames(files, 'master.m3u8', 'audio').length, frameHashes(trackFile(audio), 'audio').length);
});

test('ffmpeg plays every frame of TS by way of our playlist', () => {
  const files: Record<string, Uint8Array> = {};
  const listed = video.segments.map((segment, index) => {
    const sound = audio.segments[index];
    assert.ok(sound !== undefined);
    const uri = `${FIRST + index}.ts`;
    files[uri] = muxSegment({ video: { init: video.init, segment }, audio: { init: audio.init, segment: sound } });
    return { uri };
  });
  files['ts.m3u8'] = playlist(video.init.timescale, listed);
  assert.deepEqual(playedFrames(files, 'ts.m3u8', 'video'), frameHashes(trackFile(video), 'video'));
  assert.deepEqual(playedFrames(files, 'ts.m3u8', 'audio'), frameHashes(trackFile(audio), 'audio'));
});
