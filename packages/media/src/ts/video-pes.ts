/** H.264 access units as PES packets: Annex B byte streams (ITU-T H.264 annex B, ISO/IEC 13818-1 §2.14). */

import { parseSps } from '../codec/avc-sps.ts';
import type { AvcConfig } from '../codec/avc.ts';
import { eachNal, NAL_AUD, NAL_IDR, NAL_PPS, NAL_SPS } from '../codec/nal.ts';
import type { Sample } from '../mp4/sample.ts';
import { CLOCK_HZ, toClock } from './clock.ts';
import type { Pes } from './pes.ts';

const STREAM_ID = 0xe0;
const START_CODE_BYTES = 4;
/** nal_unit_type 9, primary_pic_type 7: any slice types may follow (ITU-T H.264 §7.3.2.4) */
const ACCESS_UNIT_DELIMITER = Uint8Array.of(0, 0, 0, 1, 9, 0xf0);

/** The track that the samples belong to. */
export interface VideoTrack {
  readonly pid: number;
  readonly timescale: number;
  readonly config: AvcConfig;
}

/**
 * One PES packet per access unit, each with one access unit delimiter, in front (ISO/IEC 13818-1 §2.14.1), and with the parameter sets where decoding can
 * start, unless the access unit brings its own.
 * @throws MediaError when a NAL unit's length runs over its sample
 */
export function videoPes(samples: readonly Sample[], track: VideoTrack): Pes[] {
  const [first] = samples;
  if (first === undefined) return [];
  const parameterSets = [...track.config.sps, ...track.config.pps];
  const leadTicks = decodeLead(track, toClock(first.durationTicks, track.timescale));
  return samples.map((sample) => accessUnit(sample, { track, parameterSets, leadTicks }));
}

/**
 * How far decode times are moved back. CMAF stores negative composition offsets, so a frame may be shown "before" it is
 * decoded by as much as the reordering depth; TS has no such thing (§2.4.3.7). The depth is the parameter set's, never
 * measured on the segment, so that it is one constant for all segments of a track.
 */
function decodeLead({ config }: VideoTrack, sampleDuration: number): number {
  const [nal] = config.sps;
  if (nal === undefined) return 0;
  const sps = parseSps(nal);
  const frames = sps.reorderFrames;
  if (sps.frameRate === undefined) return frames * sampleDuration;
  const [numerator, denominator] = sps.frameRate;
  return Math.round((frames * CLOCK_HZ * denominator) / numerator);
}

function accessUnit(
  sample: Sample,
  { track, parameterSets, leadTicks }: { track: VideoTrack; parameterSets: readonly Uint8Array[]; leadTicks: number },
): Pes {
  const { lengthSize } = track.config;
  const found = inspect(sample.data, lengthSize);
  const randomAccess = sample.sync || found.idr;
  const inserted = randomAccess && !(found.sps && found.pps) ? parameterSets : [];
  let bodyBytes = ACCESS_UNIT_DELIMITER.length + found.annexBBytes;
  for (const nal of inserted) bodyBytes += START_CODE_BYTES + nal.length;
  const ptsTicks = toClock(sample.ptsTicks, track.timescale);
  return {
    pid: track.pid,
    streamId: STREAM_ID,
    ptsTicks,
    dtsTicks: Math.min(toClock(sample.dtsTicks, track.timescale) - leadTicks, ptsTicks),
    randomAccess,
    bodyBytes,
    writeBody(target, at) {
      target.set(ACCESS_UNIT_DELIMITER, at);
      let position = at + ACCESS_UNIT_DELIMITER.length;
      for (const nal of inserted) position = writeNal(target, position, nal);
      eachNal(sample.data, lengthSize, (start, end) => {
        if (nalType(sample.data, start) !== NAL_AUD)
          position = writeNal(target, position, sample.data.subarray(start, end));
      });
    },
  };
}

interface Found {
  idr: boolean;
  sps: boolean;
  pps: boolean;
  /** of all kept NAL units with their start codes */
  annexBBytes: number;
}

function inspect(data: Uint8Array, lengthSize: number): Found {
  const found: Found = { idr: false, sps: false, pps: false, annexBBytes: 0 };
  eachNal(data, lengthSize, (start, end) => {
    const type = nalType(data, start);
    if (type === NAL_AUD) return;
    found.annexBBytes += START_CODE_BYTES + end - start;
    if (type === NAL_IDR) found.idr = true;
    if (type === NAL_SPS) found.sps = true;
    if (type === NAL_PPS) found.pps = true;
  });
  return found;
}

function nalType(data: Uint8Array, start: number): number {
  return (data[start] as number) & 31;
}

function writeNal(target: Uint8Array, at: number, nal: Uint8Array): number {
  target[at] = 0;
  target[at + 1] = 0;
  target[at + 2] = 0;
  target[at + 3] = 1;
  target.set(nal, at + START_CODE_BYTES);
  return at + START_CODE_BYTES + nal.length;
}
