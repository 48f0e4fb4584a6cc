/**
 * The index beside a volume: what is in it, and what of it is dead, in blocks as they were written. A start reads these instead
 * of the volumes. Little-endian: a header of 32 bytes (magic, CRC-32 of all after it, count, 0, the highest purge sequence as a
 * double, 8 × 0) and 16 bytes an item (two words of the name's hash, where, and how long).
 */

import { crc32 } from 'node:zlib';
import { STEP_BYTES } from './record.ts';

const HEADER_BYTES = 32;
const ITEM_BYTES = 16;
const CHECKED_FROM = 8;
/** "HWi" and the format's version. */
const MAGIC = 0x01695748;
/** Items of one block. */
export const MOST_ITEMS = 2_048;
/** In an item's last word: an entry, not a slice. */
const ENTRY_BIT = 0x8000_0000;

/** A name's hash: 64 bits of SHA-256. */
export interface NameHash {
  readonly high: number;
  readonly low: number;
}

export interface IndexItem extends NameHash {
  readonly offset: number;
  /** 0: what is at this offset is dead */
  readonly length: number;
  readonly isEntry: boolean;
}

export function blockBytes(items: number): number {
  return HEADER_BYTES + items * ITEM_BYTES;
}

/** @param sequence the highest purge sequence of the items, or any higher one that was given */
export function encodeIndexBlock(items: readonly IndexItem[], sequence: number): Buffer {
  const block = Buffer.alloc(blockBytes(items.length));
  block.writeUInt32LE(MAGIC, 0);
  block.writeUInt32LE(items.length, 8);
  block.writeDoubleLE(sequence, 16);
  let at = HEADER_BYTES;
  for (const { high, low, offset, length, isEntry } of items) {
    block.writeUInt32LE(high, at);
    block.writeUInt32LE(low, at + 4);
    block.writeUInt32LE(offset / STEP_BYTES, at + 8);
    block.writeUInt32LE((length / STEP_BYTES + (isEntry ? ENTRY_BIT : 0)) >>> 0, at + 12);
    at += ITEM_BYTES;
  }
  block.writeUInt32LE(crc32(block.subarray(CHECKED_FROM)), 4);
  return block;
}

export interface CheckedIndex {
  /** where the good blocks end; what follows is a block that was not finished */
  readonly endBytes: number;
  readonly sequence: number;
  /** items of the good blocks, dead ones and what they are about included */
  readonly items: number;
  /** A block within is not what was written. Which of the volume is dead cannot be known then. */
  readonly isDamaged: boolean;
}

/** Looks how much of an index is what was written. Whatever the bytes are, it does not throw. */
export function checkIndex(bytes: Buffer): CheckedIndex {
  let at = 0;
  let sequence = 0;
  let items = 0;
  while (at + HEADER_BYTES <= bytes.length) {
    const count = bytes.readUInt32LE(at + 8);
    const end = at + blockBytes(count);
    const isWhole = bytes.readUInt32LE(at) === MAGIC && count <= MOST_ITEMS && end <= bytes.length;
    if (!isWhole || bytes.readUInt32LE(at + 4) !== crc32(bytes.subarray(at + CHECKED_FROM, end))) break;
    const blockSequence = bytes.readDoubleLE(at + 16);
    if (Number.isSafeInteger(blockSequence)) sequence = Math.max(sequence, blockSequence);
    items += count;
    at = end;
  }
  // One block is written at a time: what is unfinished is one block at most, and nothing whole comes after it.
  const isDamaged = bytes.length - at > blockBytes(MOST_ITEMS) || hasBlockAfter(bytes, at);
  return { endBytes: at, sequence, items, isDamaged };
}

/** An item as four words, for there are millions: the hash, the offset in steps, and the last one as {@link readLast} has it. */
export type OnItem = (high: number, low: number, steps: number, last: number) => void;

/** Tells each item of an index that was checked, in the order of writing. */
export function eachItem(bytes: Buffer, endBytes: number, onItem: OnItem): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at < endBytes;) {
    const end = at + blockBytes(view.getUint32(at + 8, true));
    for (at += HEADER_BYTES; at < end; at += ITEM_BYTES) {
      onItem(
        view.getUint32(at, true),
        view.getUint32(at + 4, true),
        view.getUint32(at + 8, true),
        view.getUint32(at + 12, true),
      );
    }
  }
}

/** Steps of length, 0 for what is dead, and whether it is an entry. */
export function readLast(last: number): { readonly steps: number; readonly isEntry: boolean } {
  return { steps: (last & ~ENTRY_BIT) >>> 0, isEntry: last >>> 31 === 1 };
}

function hasBlockAfter(bytes: Buffer, from: number): boolean {
  for (let at = from + ITEM_BYTES; at + HEADER_BYTES <= bytes.length; at += ITEM_BYTES) {
    if (bytes.readUInt32LE(at) === MAGIC) return true;
  }
  return false;
}
