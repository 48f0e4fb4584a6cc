/** PES packets (ISO/IEC 13818-1 §2.4.3.6): some access units of one stream with the times of the first. */

import { wrapClock } from './clock.ts';

/** One PES packet, sized before a byte of it is written. Times are ticks of 90 kHz, not wrapped. */
export interface Pes {
  readonly pid: number;
  readonly streamId: number;
  readonly ptsTicks: number;
  readonly dtsTicks: number;
  /** a decoder can start here */
  readonly randomAccess: boolean;
  readonly bodyBytes: number;
  /** writes exactly `bodyBytes` */
  writeBody(target: Uint8Array, at: number): void;
}

/** The PES packets of one stream in a segment, in the order of decoding. */
export interface PesRun {
  readonly units: readonly Pes[];
  /** when the one behind the last is decoded, if nothing is missing between */
  readonly endTicks: number;
}

/** What PES_packet_length can say of a body behind a header with one timestamp. */
export const MAX_COUNTED_BODY_BYTES = 65_535 - 8;

const START_CODE_PREFIX = Uint8Array.of(0, 0, 1);
const HEADER_BYTES = 9;
const TIMESTAMP_BYTES = 5;
/** with both timestamps */
export const MOST_HEADER_BYTES = HEADER_BYTES + 2 * TIMESTAMP_BYTES;
/** '10', no scrambling, data_alignment_indicator: the body starts with an access unit */
const ALIGNED = 0x84;
const HAS_PTS = 0x80;
const HAS_PTS_AND_DTS = 0xc0;
const STREAM_ID_VIDEO = 0xe0;

/** Header and body. */
export function pesBytes(pes: Pes): number {
  return headerBytes(pes) + pes.bodyBytes;
}

/** Writes header and body, {@link pesBytes} in all. */
export function writePes(pes: Pes, target: Uint8Array, at: number): void {
  const timestampBytes = headerBytes(pes) - HEADER_BYTES;
  const both = timestampBytes > TIMESTAMP_BYTES;
  // §2.4.3.7: only a video stream's length may be left open (0); what a frame needs may be above 65,535.
  const length = pes.streamId >= STREAM_ID_VIDEO ? 0 : headerBytes(pes) - 6 + pes.bodyBytes;
  target.set(START_CODE_PREFIX, at);
  target[at + 3] = pes.streamId;
  target[at + 4] = length >> 8;
  target[at + 5] = length & 0xff;
  target[at + 6] = ALIGNED;
  target[at + 7] = both ? HAS_PTS_AND_DTS : HAS_PTS;
  target[at + 8] = timestampBytes;
  writeTimestamp(target, at + HEADER_BYTES, both ? 3 : 2, pes.ptsTicks);
  if (both) writeTimestamp(target, at + HEADER_BYTES + TIMESTAMP_BYTES, 1, pes.dtsTicks);
  pes.writeBody(target, at + HEADER_BYTES + timestampBytes);
}

/** §2.4.3.7: a DTS stands only where it differs from the PTS. */
function headerBytes(pes: Pes): number {
  return HEADER_BYTES + (pes.dtsTicks === pes.ptsTicks ? TIMESTAMP_BYTES : 2 * TIMESTAMP_BYTES);
}

/** 33 bits in three groups, each with a marker bit behind it, after a prefix of four bits. */
function writeTimestamp(target: Uint8Array, at: number, prefix: number, ticks: number): void {
  const clock = wrapClock(ticks);
  const low = clock % 2 ** 30;
  target[at] = (prefix << 4) | (Math.floor(clock / 2 ** 30) << 1) | 1;
  target[at + 1] = low >> 22;
  target[at + 2] = ((low >> 14) & 0xfe) | 1;
  target[at + 3] = low >> 7;
  target[at + 4] = ((low << 1) & 0xfe) | 1;
}
