/** How much a TS of given tracks takes at most: what a playlist says of it (RFC 8216bis §4.4.6.2, BANDWIDTH). */

import { ADTS_HEADER_BYTES } from '../codec/aac.ts';
import { MAX_PES_MS } from './audio-pes.ts';
import { CLOCK_HZ } from './clock.ts';
import { MAX_INTERVAL_TICKS } from './clock-references.ts';
import { CONTINUITY_PERIOD } from './mux.ts';
import { PACKET_BYTES, PAYLOAD_BYTES, PCR_FIELD_BYTES } from './packet.ts';
import { MOST_HEADER_BYTES } from './pes.ts';
import { ACCESS_UNIT_DELIMITER_BYTES } from './video-pes.ts';

/** A track as it is before it is muxed. */
export interface TsTrack {
  readonly kind: 'video' | 'audio';
  /** its peak, in bits per second */
  readonly bandwidth: number;
  /** frames per second as a fraction */
  readonly frameRate?: readonly [numerator: number, denominator: number];
  /** in Hz */
  readonly sampleRate?: number;
}

/** The program association and the program map. */
const TABLES = 2;
/** Where a track does not say: what is usual, on the side of more. */
const USUAL_FRAME_RATE = [60, 1] as const;
const USUAL_SAMPLE_RATE = 48_000;
const AAC_FRAME_SAMPLES = 1024;
const REFERENCES_PER_SECOND = CLOCK_HZ / MAX_INTERVAL_TICKS;

/**
 * The peak of a segment, in bits per second: tables in sixteens, each track filled up to whole sixteens, each PES packet to whole
 * packets.
 */
export function tsBandwidth(tracks: readonly TsTrack[], segmentDurationMs: number): number {
  const segmentsPerSecond = 1000 / segmentDurationMs;
  let packetsPerSecond = TABLES * CONTINUITY_PERIOD * segmentsPerSecond;
  for (const track of tracks) {
    const { unitsPerSecond, extraBytesPerSecond } = track.kind === 'video' ? framesOf(track) : framesTogether(track);
    const headerBytes = MOST_HEADER_BYTES + PCR_FIELD_BYTES;
    const bytesPerSecond = track.bandwidth / 8 + extraBytesPerSecond + unitsPerSecond * headerBytes;
    packetsPerSecond += bytesPerSecond / PAYLOAD_BYTES + unitsPerSecond + (CONTINUITY_PERIOD - 1) * segmentsPerSecond;
    // Units that stand further apart than clock references may have some between them.
    packetsPerSecond += unitsPerSecond * (Math.ceil(REFERENCES_PER_SECOND / unitsPerSecond) - 1);
  }
  return Math.ceil(packetsPerSecond * PACKET_BYTES * 8);
}

interface Units {
  /** PES packets */
  readonly unitsPerSecond: number;
  /** what is written beside the samples and PES headers */
  readonly extraBytesPerSecond: number;
}

function framesOf({ frameRate = USUAL_FRAME_RATE }: TsTrack): Units {
  const unitsPerSecond = frameRate[0] / frameRate[1];
  return { unitsPerSecond, extraBytesPerSecond: unitsPerSecond * ACCESS_UNIT_DELIMITER_BYTES };
}

function framesTogether({ sampleRate = USUAL_SAMPLE_RATE }: TsTrack): Units {
  const framesPerSecond = sampleRate / AAC_FRAME_SAMPLES;
  const framesPerUnit = Math.max(1, Math.floor((framesPerSecond * MAX_PES_MS) / 1000));
  return {
    unitsPerSecond: framesPerSecond / framesPerUnit,
    extraBytesPerSecond: framesPerSecond * ADTS_HEADER_BYTES,
  };
}
