/** MPEG-TS out of CMAF that is broken: a stream that a strict reader takes comes out, or a MediaError. */
import { readPackets, readPes } from '../../fixtures/transport.ts';
import { parseAudioSpecificConfig } from '../../src/codec/aac.ts';
import { MediaError } from '../../src/media-error.ts';
import { writeFragment } from '../../src/mp4/fragment.ts';
import type { TrackInit } from '../../src/mp4/init.ts';
import type { Sample } from '../../src/mp4/sample.ts';
import { muxSegment, type TsInput } from '../../src/ts/mux.ts';
import type { FuzzTarget } from '../target.ts';

const VIDEO_PID = 0x100;
const AUDIO_PID = 0x101;

/** No SPS, one without timing, and one of x264 with B-frames at 30 frames a second. */
const VIDEOS = ['', '6742c01ed90471', '6764000aacd9447b0110000003001000000303c0f1225960'].map((sps): TrackInit => ({
  trackId: 1,
  timescale: 90_000,
  kind: 'video',
  codec: 'avc1.42c01e',
  sampleEntry: new Uint8Array(0),
  avc: {
    profile: 0x42,
    compatibility: 0xc0,
    level: 30,
    lengthSize: 4,
    sps: sps === '' ? [] : [new Uint8Array(Buffer.from(sps, 'hex'))],
    pps: [Uint8Array.of(0x68, 0xce)],
  },
}));
const AUDIO: TrackInit = {
  trackId: 1,
  timescale: 48_000,
  kind: 'audio',
  codec: 'mp4a.40.2',
  sampleEntry: new Uint8Array(0),
  aac: parseAudioSpecificConfig(Uint8Array.of(0x11, 0x90)),
};

function run(input: Uint8Array): boolean {
  const video = { init: VIDEOS[input.length % VIDEOS.length] as TrackInit, segment: input };
  const audio = { init: AUDIO, segment: input };
  const made = [check({ video }), check({ audio }), check({ video, audio })];
  if (made.every((ok) => !ok)) throw new MediaError('rejected', 0, 'neither as video nor as audio');
  return made.every((ok) => ok);
}

function check(inputs: { video?: TsInput; audio?: TsInput }): boolean {
  let ts: Uint8Array;
  try {
    ts = muxSegment(inputs);
  } catch (error) {
    if (error instanceof MediaError) return false;
    throw error;
  }
  const packets = readPackets(ts);
  for (const [pid, input] of [[VIDEO_PID, inputs.video] as const, [AUDIO_PID, inputs.audio] as const]) {
    const units = readPes(packets, pid);
    if (input === undefined ? units.length > 0 : units.length === 0) throw new Error(`${units.length} units of ${pid}`);
  }
  return true;
}

/** Frames of `nals`, hexadecimal, one after the other. */
function segment(durationTicks: number, nals: readonly string[]): Uint8Array {
  const samples = nals.map((digits, index): Sample => {
    const dtsTicks = 90_000 * 1_000_000 + index * durationTicks;
    const data = new Uint8Array(Buffer.from(digits.replaceAll(' ', ''), 'hex'));
    return { dtsTicks, ptsTicks: dtsTicks + (index % 2) * durationTicks, durationTicks, sync: index === 0, data };
  });
  return writeFragment({ sequence: 1, trackId: 1, samples });
}

const IDR = '00000002 0910 00000005 6742c01ed9 00000002 68ce 00000003 658801';
const FRAME = '00000004 41010203';

export const target: FuzzTarget = {
  name: 'ts-mux',
  files: ['ts/mux.ts', 'ts/video-pes.ts', 'ts/audio-pes.ts', 'ts/pes.ts', 'ts/packet.ts'],
  shape: 'boxes',
  seeds: [
    segment(3000, [IDR, FRAME, FRAME]),
    segment(3000, ['00000003 658801', FRAME]),
    // Two frames a second.
    segment(45_000, [IDR, FRAME, FRAME]),
    segment(1024, ['2110', '2110ff', '2110ffff', '21', '21', '21', '21', '21', '21', '21', '21', '21']),
    segment(3000, [`00000190 65${'ab'.repeat(399)}`]),
  ],
  run,
};
