/** Program association and program map, each one packet (ISO/IEC 13818-1 §2.4.4). */

import { crc32 } from './crc32.ts';
import { PACKET_BYTES } from './packet.ts';

export const PAT_PID = 0;
export const PMT_PID = 0x1000;
/** Where a receiver finds the only program's streams. */
const PROGRAM_NUMBER = 1;
const TABLE_PAT = 0;
const TABLE_PMT = 2;
const STUFFING = 0xff;

/** ISO/IEC 13818-1 table 2-34. */
export const STREAM_TYPE_AAC_ADTS = 0x0f;
export const STREAM_TYPE_H264 = 0x1b;

/** An elementary stream as the program map lists it. */
export interface ElementaryStream {
  readonly pid: number;
  readonly streamType: number;
}

/** The packet that names the program map's PID (§2.4.4.3), at continuity 0. */
export function programAssociationPacket(): Uint8Array {
  return sectionPacket(PAT_PID, TABLE_PAT, [...u16(PROGRAM_NUMBER), ...pid(PMT_PID)]);
}

/** The packet that lists the streams and says which one carries the clock (§2.4.4.8), at continuity 0. */
export function programMapPacket(streams: readonly ElementaryStream[], pcrPid: number): Uint8Array {
  const noProgramInfo = [0xf0, 0];
  const list = streams.flatMap((stream) => [stream.streamType, ...pid(stream.pid), 0xf0, 0]);
  return sectionPacket(PMT_PID, TABLE_PMT, [...pid(pcrPid), ...noProgramInfo, ...list]);
}

/** One section in one packet: pointer field, long section header of version 0, `body`, CRC, stuffing (§2.4.4.10). */
function sectionPacket(packetPid: number, tableId: number, body: readonly number[]): Uint8Array {
  const bytesAfterLength = 5 + body.length + 4;
  const numbers = tableId === TABLE_PAT ? u16(1) : u16(PROGRAM_NUMBER);
  const versionZeroCurrent = 0xc1;
  const section = [tableId, 0xb0 | (bytesAfterLength >> 8), bytesAfterLength & 0xff];
  section.push(...numbers, versionZeroCurrent, 0, 0, ...body);
  const crc = crc32(Uint8Array.from(section));
  const packet = new Uint8Array(PACKET_BYTES).fill(STUFFING);
  packet.set([0x47, 0x40 | (packetPid >> 8), packetPid & 0xff, 0x10, 0]);
  packet.set(section, 5);
  new DataView(packet.buffer).setUint32(5 + section.length, crc);
  return packet;
}

/** 13 bits behind three reserved ones. */
function pid(value: number): number[] {
  return u16(0xe000 | value);
}

function u16(value: number): number[] {
  return [value >> 8, value & 0xff];
}
