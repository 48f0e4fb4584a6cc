/** AAC frames as PES packets: ADTS frames (ISO/IEC 14496-3 §1.A.2.2, ISO/IEC 13818-1 §2.11), several to a packet. */

import { ADTS_HEADER_BYTES, writeAdtsHeader } from '../codec/aac.ts';
import type { AacConfig } from '../codec/aac.ts';
import type { Sample } from '../mp4/sample.ts';
import { toClock } from './clock.ts';
import { MAX_COUNTED_BODY_BYTES } from './pes.ts';
import type { Pes, PesRun } from './pes.ts';

const STREAM_ID = 0xc0;
/** Clock references may be 100 ms apart at most (ISO/IEC 13818-1 §2.7.2); an audio-only stream has one per PES packet. */
export const MAX_PES_MS = 100;

/** The track that the samples belong to. */
export interface AudioTrack {
  readonly pid: number;
  readonly timescale: number;
  readonly config: AacConfig;
  /** its packets carry the clock: every one is then marked as a point to start from */
  readonly carriesClock: boolean;
}

/**
 * Packs frames that follow one another without a gap, up to 100 ms of them.
 * @throws MediaError when a frame or its configuration does not fit ADTS
 */
export function audioPes(samples: readonly Sample[], track: AudioTrack): PesRun {
  const packets: Pes[] = [];
  const maxTicks = (track.timescale * MAX_PES_MS) / 1000;
  let frames: Sample[] = [];
  let bodyBytes = 0;
  for (const sample of samples) {
    const [first] = frames;
    const last = frames.at(-1);
    const frameBytes = ADTS_HEADER_BYTES + sample.data.length;
    const fits =
      first !== undefined &&
      last !== undefined &&
      sample.ptsTicks === last.ptsTicks + last.durationTicks &&
      sample.ptsTicks + sample.durationTicks - first.ptsTicks <= maxTicks &&
      bodyBytes + frameBytes <= MAX_COUNTED_BODY_BYTES;
    if (first !== undefined && !fits) {
      packets.push(framesPes(frames, bodyBytes, track));
      frames = [];
      bodyBytes = 0;
    }
    frames.push(sample);
    bodyBytes += frameBytes;
  }
  const last = frames.at(-1);
  if (last === undefined) return { units: [], endTicks: 0 };
  packets.push(framesPes(frames, bodyBytes, track));
  return { units: packets, endTicks: toClock(last.ptsTicks + last.durationTicks, track.timescale) };
}

function framesPes(frames: readonly Sample[], bodyBytes: number, track: AudioTrack): Pes {
  const ptsTicks = toClock((frames[0] as Sample).ptsTicks, track.timescale);
  return {
    pid: track.pid,
    streamId: STREAM_ID,
    ptsTicks,
    dtsTicks: ptsTicks,
    randomAccess: track.carriesClock,
    bodyBytes,
    writeBody(target, at) {
      let position = at;
      for (const { data } of frames) {
        writeAdtsHeader(track.config, data.length, target, position);
        target.set(data, position + ADTS_HEADER_BYTES);
        position += ADTS_HEADER_BYTES + data.length;
      }
    },
  };
}
