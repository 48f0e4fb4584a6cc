/** H.264 access units as PES packets: Annex B byte streams (ITU-T H.264 annex B, ISO/IEC 13818-1 §2.14). */

import { type AvcSps, parseSps } from '../codec/avc-sps.ts';
import type { AvcConfig } from '../codec/avc.ts';
import { eachNal, NAL_AUD, NAL_IDR, NAL_PPS, NAL_SPS } from '../codec/nal.ts';
import type { Sample } from '../mp4/sample.ts';
import { CLOCK_HZ, toClock } from './clock.ts';
import type { Pes, PesRun } from './pes.ts';

const STREAM_ID = 0xe0;
const START_CODE_BYTES = 4;
/** nal_unit_type 9, primary_pic_type 7: any slice types may follow (ITU-T H.264 §7.3.2.4) */
const ACCESS_UNIT_DELIMITER = Uint8Array.of(0, 0, 0, 1, 9, 0xf0);
export const ACCESS_UNIT_DELIMITER_BYTES = ACCESS_UNIT_DELIMITER.length;

/** Of a stream that has no fixed rate: as long as frames mostly last, for a lead that is too long does no harm. */
const ASSUMED_FRAME_TICKS = CLOCK_HZ / 10;
/** Whatever a clock says, no frame is taken to last longer. */
const LONGEST_FRAME_TICKS = CLOCK_HZ;
/** Between two decode times of frames that nothing is known of: a frame at 120 a second. */
const LEAST_STEP_TICKS = CLOCK_HZ / 120;

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
export function videoPes(samples: readonly Sample[], track: VideoTrack): PesRun {
  const parameterSets = [...track.config.sps, ...track.config.pps];
  const { times, endTicks } = decodeTimes(samples, track);
  const units = samples.map((sample, index) => {
    return accessUnit(sample, { track, parameterSets, dtsTicks: times[index] as number });
  });
  return { units, endTicks };
}

/**
 * When each frame is decoded, and the first of the next segment. CMAF stores negative composition offsets, so a frame may be shown
 * "before" it is decoded by as much as the reordering depth; TS has no such thing (§2.4.3.7). Decode times are moved back by what
 * the parameter set says, never by what is measured on a segment, so that it is one constant for all of a track. Frames that last
 * longer than that are decoded when the frame is shown that stands a reordering depth before them; the first few, whose
 * forerunners are in the segment before, a least step apart from where this one begins.
 */
function decodeTimes(samples: readonly Sample[], track: VideoTrack): { times: number[]; endTicks: number } {
  const { reorderFrames, leadTicks, leastStepTicks } = reordering(track);
  const shown = samples.map((sample) => toClock(sample.ptsTicks, track.timescale)).sort((a, b) => a - b);
  const times: number[] = [];
  let decodedTicks = 0;
  let shownTicks = -Infinity;
  for (const [index, { dtsTicks, ptsTicks, durationTicks }] of samples.entries()) {
    const forerunner = shown[index - reorderFrames] ?? (shown[0] as number) - (reorderFrames - index) * leastStepTicks;
    times.push(Math.min(toClock(dtsTicks, track.timescale) - leadTicks, forerunner));
    decodedTicks = toClock(dtsTicks + durationTicks, track.timescale) - leadTicks;
    shownTicks = Math.max(shownTicks, toClock(ptsTicks + durationTicks, track.timescale));
  }
  fitBetween(times, samples, track.timescale);
  return { times, endTicks: Math.min(decodedTicks, shownTicks - reorderFrames * leastStepTicks) };
}

/** Where the parameter set says too little of the reordering: no frame is decoded after it is shown, nor after the next. */
function fitBetween(times: number[], samples: readonly Sample[], timescale: number): void {
  let latest = Infinity;
  for (let index = times.length - 1; index >= 0; index -= 1) {
    latest = Math.min(times[index] as number, toClock((samples[index] as Sample).ptsTicks, timescale), latest - 1);
    times[index] = latest;
  }
}

interface Reordering {
  readonly reorderFrames: number;
  readonly leadTicks: number;
  readonly leastStepTicks: number;
}

function reordering({ config }: VideoTrack): Reordering {
  const [nal] = config.sps;
  if (nal === undefined) return { reorderFrames: 0, leadTicks: 0, leastStepTicks: 0 };
  const { reorderFrames, frameRate, clockRate } = parseSps(nal);
  const frameTicks = frameRate === undefined ? assumedFrameTicks(clockRate) : ticksOfOne(frameRate);
  return {
    reorderFrames,
    leadTicks: Math.round(reorderFrames * frameTicks),
    leastStepTicks: Math.min(LEAST_STEP_TICKS, Math.floor(frameTicks)),
  };
}

/** Slow encoders mostly count in frames. */
function assumedFrameTicks(clockRate: AvcSps['clockRate']): number {
  if (clockRate === undefined) return ASSUMED_FRAME_TICKS;
  return Math.max(ASSUMED_FRAME_TICKS, Math.min(ticksOfOne(clockRate), LONGEST_FRAME_TICKS));
}

function ticksOfOne([numerator, denominator]: readonly [number, number]): number {
  return (CLOCK_HZ * denominator) / numerator;
}

function accessUnit(
  sample: Sample,
  { track, parameterSets, dtsTicks }: { track: VideoTrack; parameterSets: readonly Uint8Array[]; dtsTicks: number },
): Pes {
  const { lengthSize } = track.config;
  const found = inspect(sample.data, lengthSize);
  const randomAccess = sample.sync || found.idr;
  const inserted = randomAccess && !(found.sps && found.pps) ? parameterSets : [];
  let bodyBytes = ACCESS_UNIT_DELIMITER.length + found.annexBBytes;
  for (const nal of inserted) bodyBytes += START_CODE_BYTES + nal.length;
  return {
    pid: track.pid,
    streamId: STREAM_ID,
    ptsTicks: toClock(sample.ptsTicks, track.timescale),
    dtsTicks,
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
