/**
 * A record in a volume: header, name, payload, in steps of {@link STEP_BYTES}. Its checksum is over all of it but the first
 * eight bytes. Little-endian:
 *
 *     0 magic  4 CRC-32  8 length of the name  12 length of the payload  16 offset of an extent in its slice  20 name, payload
 */

import { crc32 } from 'node:zlib';

/** Records begin at multiples of this. */
export const STEP_BYTES = 64;
const HEADER_BYTES = 20;
const CHECKED_FROM = 8;
/** "HWr" and the format's version. */
const MAGIC = 0x01725748;
/** A larger record is not written: a slice and its name fit. */
export const MOST_RECORD_BYTES = 1024 * 1024 + 16_384;
/** Up to here a record is copied into one buffer; a larger payload is written from where it lies. */
const COPIED_BYTES = 16_384;
const PADDING = Buffer.alloc(STEP_BYTES);

export interface DiskRecord {
  readonly name: string;
  readonly payload: Buffer;
  /** of an extent in its slice; 0 of an entry */
  readonly offset: number;
}

/** How much of a volume a record takes. */
export function recordBytes({ name, payload }: Pick<DiskRecord, 'name' | 'payload'>): number {
  const bytes = HEADER_BYTES + Buffer.byteLength(name) + payload.length;
  return Math.ceil(bytes / STEP_BYTES) * STEP_BYTES;
}

export function encodeRecord(record: DiskRecord): readonly Buffer[] {
  const { payload, offset } = record;
  const name = Buffer.from(record.name);
  const total = recordBytes(record);
  const headLength = HEADER_BYTES + name.length;
  const isCopied = total <= COPIED_BYTES;
  const head = Buffer.alloc(isCopied ? total : headLength);
  head.writeUInt32LE(MAGIC, 0);
  head.writeUInt32LE(name.length, 8);
  head.writeUInt32LE(payload.length, 12);
  head.writeUInt32LE(offset, 16);
  name.copy(head, HEADER_BYTES);
  head.writeUInt32LE(crc32(payload, crc32(head.subarray(CHECKED_FROM, headLength))), 4);
  if (!isCopied) return [head, payload, PADDING.subarray(0, total - headLength - payload.length)];
  payload.copy(head, headLength);
  return [head];
}

/** Reads a record; undefined if it is not what was written under this name. Bytes that anything has happened to never throw. */
export function decodeRecord(bytes: Buffer, name: string | null): DiskRecord | undefined {
  if (bytes.length < HEADER_BYTES || bytes.readUInt32LE(0) !== MAGIC) return undefined;
  const nameEnd = HEADER_BYTES + bytes.readUInt32LE(8);
  const end = nameEnd + bytes.readUInt32LE(12);
  if (end > bytes.length || bytes.readUInt32LE(4) !== crc32(bytes.subarray(CHECKED_FROM, end))) return undefined;
  const written = bytes.toString('utf8', HEADER_BYTES, nameEnd);
  if (name !== null && written !== name) return undefined;
  return { name: written, payload: bytes.subarray(nameEnd, end), offset: bytes.readUInt32LE(16) };
}
