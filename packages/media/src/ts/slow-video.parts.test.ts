/** Video with B-frames that has no fixed frame rate, mostly slower than clock references may be apart. */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { AAC, AUDIO_INPUT, decodeErrors, H264, join } from '../../fixtures/ffmpeg.ts';
import { frameHashes, packetTimes } from '../../fixtures/frames.ts';
import { cutAtKeyframes, cutTrack, encodeTrack, trackFile, type CutTrack } from '../../fixtures/segments.ts';
import { readPackets, readPes } from '../../fixtures/transport.ts';
import { parseSps } from '../codec/avc-sps.ts';
import { muxSegment } from './mux.ts';

const SEGMENT_S = 2;
const SEGMENTS = 6;
const NOW_S = 1_790_000_000;
const DURATION = ['-t', String(SEGMENT_S * SEGMENTS)];
const PICTURE = 'testsrc2=size=320x180:rate';
const REORDERED = ['-bf', '3', '-g', '600', '-sc_threshold', '0', '-x264-params', 'b-pyramid=normal:b-adapt=0'];
const KEYFRAMES = ['-force_key_frames', `expr:gte(t,n_forced*${SEGMENT_S})`];
/** Two seconds at 30 frames a second, then two at 5. */
const CHANGING = ['-vf', "select='not(mod(floor(t/2),2))+not(mod(n,6))'", '-fps_mode', 'vfr'];
/** 5 a second, of an encoder that counts in milliseconds. */
const IN_MILLISECONDS = ['-vf', "select='not(mod(n,6))'", '-fps_mode', 'vfr', '-enc_time_base', '1:1000'];

const SOURCES: Readonly<Record<string, readonly string[]>> = {
  '12 frames a second': ['-f', 'lavfi', '-i', `${PICTURE}=12`],
  '3 frames a second': ['-f', 'lavfi', '-i', `${PICTURE}=3`],
  '5 frames a second': ['-f', 'lavfi', '-i', `${PICTURE}=5`],
  '5 frames a second, in milliseconds': ['-f', 'lavfi', '-i', `${PICTURE}=30`, ...IN_MILLISECONDS],
  'a frame every second': ['-f', 'lavfi', '-i', `${PICTURE}=1`],
  '30 and 5 frames a second in turn': ['-f', 'lavfi', '-i', `${PICTURE}=30`, ...CHANGING],
};

for (const [name, source] of Object.entries(SOURCES)) {
  describe(name, () => {
    let video: CutTrack;
    let muxed: { readonly both: Uint8Array[]; readonly alone: Uint8Array[] };
    before(() => {
      video = cutAtKeyframes(encodeTrack([...source, ...DURATION, ...H264, ...REORDERED, ...KEYFRAMES]), NOW_S);
      const audio = cutTrack(encodeTrack([...AUDIO_INPUT, ...DURATION, ...AAC]), SEGMENT_S, NOW_S);
      const alone: Uint8Array[] = [];
      const both = video.segments.map((segment, index) => {
        const sound = audio.segments[index];
        assert.ok(sound !== undefined);
        alone.push(muxSegment({ video: { init: video.init, segment } }));
        return muxSegment({ video: { init: video.init, segment }, audio: { init: audio.init, segment: sound } });
      });
      muxed = { both, alone };
    });

    test('the parameter set speaks of reordering and of no fixed rate', () => {
      const [sps] = video.init.avc?.sps ?? [];
      assert.ok(sps !== undefined);
      const { frameRate, reorderFrames } = parseSps(sps);
      assert.equal(frameRate, undefined);
      assert.ok(reorderFrames > 0);
      assert.equal(video.segments.length, SEGMENTS);
    });

    test('ffmpeg decodes every frame of the CMAF, each segment alone and all joined, without a line of error', () => {
      for (const segment of muxed.both) assert.equal(decodeErrors(segment), '');
      for (const segments of [muxed.both, muxed.alone]) {
        assert.equal(decodeErrors(join(segments)), '');
        assert.deepEqual(frameHashes(join(segments), 'video'), frameHashes(trackFile(video), 'video'));
      }
    });

    test('decode times go up over every join, and none is after its frame is shown', () => {
      for (const segments of [muxed.both, muxed.alone]) {
        const { pts, dts } = packetTimes(join(segments), 'video');
        assert.ok(
          steps(dts).every((step) => step > 0),
          dts.join(),
        );
        assert.ok(dts.every((time, index) => time <= (pts[index] as number)));
        const expected = packetTimes(trackFile(video), 'video').pts;
        const scale = 90_000 / video.init.timescale;
        assert.deepEqual(
          steps(pts),
          steps(expected).map((step) => step * scale),
        );
      }
    });

    test('clock references are 100 ms apart at most, over joins too, and before what they time', () => {
      for (const segments of [muxed.both, muxed.alone]) {
        const packets = readPackets(join(segments));
        const clock = packets.flatMap(({ pcr }) => (pcr === undefined ? [] : [pcr]));
        assert.ok(
          steps(clock).every((step) => step > 0 && step <= 9000),
          steps(clock).join(),
        );
        assert.ok(readPes(packets, 0x100).every(({ dts, pcr }) => pcr === dts - 9000));
      }
    });
  });
}

function steps(times: readonly number[]): number[] {
  return times.slice(1).map((time, index) => time - (times[index] as number));
}
