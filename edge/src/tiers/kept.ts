/** What the tiers keep under one kind of name: entries and slices, in memory and as records on disk. */

import type { DiskRecord } from './disk/record.ts';
import type { QueuedRecord } from './disk/write-queue.ts';
import { entryBytes, type Keeping, type SliceExtent, sliceBytes, type TierEntry } from './tier-entry.ts';

interface KeptEntry<E> {
  readonly kind: 'entry';
  readonly entry: E;
  readonly keeping: Keeping;
}

interface KeptSlice {
  readonly kind: 'slice';
  readonly variantId: string;
  readonly index: number;
  readonly extent: SliceExtent;
  readonly keeping: Keeping;
}

export type Kept<E> = KeptEntry<E> | KeptSlice;

/** No slice's name begins with a letter. */
export function entryName(key: string): string {
  return `e${key}`;
}

export function sliceName(variantId: string, index: number): string {
  return `${index}/${variantId}`;
}

export function nameOf(kept: Kept<TierEntry>): string {
  return kept.kind === 'entry' ? entryName(kept.entry.key) : sliceName(kept.variantId, kept.index);
}

/** What it weighs in memory. */
export function bytesOf(kept: Kept<TierEntry>): number {
  return kept.kind === 'entry' ? entryBytes(kept.entry) : sliceBytes(kept.extent);
}

export function recordOf(kept: Kept<TierEntry>): QueuedRecord {
  const name = nameOf(kept);
  if (kept.kind === 'slice') return { name, payload: kept.extent.bytes, offset: kept.extent.offset, isEntry: false };
  return { name, payload: Buffer.from(JSON.stringify(kept.entry)), offset: 0, isEntry: true };
}

/** The entry that {@link recordOf} made a record of. */
export function entryOf({ payload }: DiskRecord): unknown {
  return JSON.parse(payload.toString('utf8'));
}

export function extentOf({ payload, offset }: DiskRecord): SliceExtent {
  return { offset, bytes: payload };
}
