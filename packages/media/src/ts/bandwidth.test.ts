import assert from 'node:assert/strict';
import { test } from 'node:test';
import { writeAudioSpecificConfig, parseAudioSpecificConfig } from '../codec/aac.ts';
import { writeFragment } from '../mp4/fragment.ts';
import type { TrackInit } from '../mp4/init.ts';
import { tsBandwidth, type TsTrack } from './bandwidth.ts';
import { muxSegment, type TsInput } from './mux.ts';
import { PACKET_BYTES } from './packet.ts';

const SEGMENT_S = 2;
/** PES packets a second */
const MOST_AUDIO_UNITS = 16;
const NO_ENTRY = new Uint8Array(0);
const VIDEO: TrackInit = {
  trackId: 1,
  timescale: 90_000,
  kind: 'video',
  codec: 'avc1.42c01e',
  sampleEntry: NO_ENTRY,
  avc: { profile: 0x42, compatibility: 0xc0, level: 30, lengthSize: 4, sps: [], pps: [] },
};

function audioInit(sampleRate: number): TrackInit {
  const aac = parseAudioSpecificConfig(writeAudioSpecificConfig({ sampleRate, channels: 2 }));
  return { trackId: 1, timescale: sampleRate, kind: 'audio', codec: 'mp4a.40.2', sampleEntry: NO_ENTRY, aac };
}

/** A segment at a track's peak, of frames of one size. */
function segmentOf(init: TrackInit, durationTicks: number, bandwidth: number): TsInput {
  const count = Math.floor((SEGMENT_S * init.timescale) / durationTicks);
  const data = Buffer.alloc(Math.floor((bandwidth * SEGMENT_S) / 8 / count), 0x41);
  data.writeUInt32BE(data.length - 4);
  const samples = Array.from({ length: count }, (_, index) => {
    const dtsTicks = index * durationTicks;
    return { dtsTicks, ptsTicks: dtsTicks, durationTicks, sync: false, data };
  });
  return { init, segment: writeFragment({ sequence: 1, trackId: 1, samples }) };
}

function assertHolds(tracks: readonly TsTrack[]): void {
  const inputs: { video?: TsInput; audio?: TsInput } = {};
  // What is said allows for a packet of stuffing in each PES packet and fifteen at the end, of which there may be none.
  let sparePackets = 0;
  for (const { kind, bandwidth, frameRate = [60, 1], sampleRate = 48_000 } of tracks) {
    sparePackets += (kind === 'video' ? frameRate[0] / frameRate[1] : MOST_AUDIO_UNITS) + 15 / SEGMENT_S;
    if (kind === 'video') inputs.video = segmentOf(VIDEO, (90_000 * frameRate[1]) / frameRate[0], bandwidth);
    else inputs.audio = segmentOf(audioInit(sampleRate), 1024, bandwidth);
  }
  const found = (muxSegment(inputs).length * 8) / SEGMENT_S;
  const said = tsBandwidth(tracks, SEGMENT_S * 1000);
  const spare = sparePackets * PACKET_BYTES * 8;
  assert.ok(found <= said && said < 1.06 * found + spare, `${found} bit/s, said ${said}, of ${JSON.stringify(tracks)}`);
}

test('a segment of tracks at their peak takes no more than is said, and not much less', () => {
  for (let bandwidth = 32_000; bandwidth < 400_000; bandwidth += 3_999) {
    for (const sampleRate of [8_000, 16_000, 44_100, 48_000]) assertHolds([{ kind: 'audio', bandwidth, sampleRate }]);
  }
  for (const frameRate of [
    [60, 1],
    [30, 1],
    [25, 1],
    [5, 1],
  ] as const) {
    for (let bandwidth = 100_000; bandwidth < 6_000_000; bandwidth += 99_989) {
      const video = { kind: 'video', bandwidth, frameRate } as const;
      assertHolds([video]);
      assertHolds([video, { kind: 'audio', bandwidth: 80_000, sampleRate: 48_000 }]);
    }
  }
});

test('a track that does not say is taken for a usual one', () => {
  assertHolds([
    { kind: 'video', bandwidth: 1_000_000 },
    { kind: 'audio', bandwidth: 160_000 },
  ]);
});
