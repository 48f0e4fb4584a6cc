/** What the tiers keep: the small record of a key, and the bodies of its variants in slices. */

/** A slice of a body: slice `i` covers the bytes from `i` times this. */
export const SLICE_BYTES = 1024 * 1024;

/** The part of a slice that is there: one contiguous extent. */
export interface SliceExtent {
  /** from the slice's beginning */
  readonly offset: number;
  /** never written to again */
  readonly bytes: Buffer;
}

/** Where it is kept: in RAM and on disk, or in RAM alone where another process of this machine has it on its disk. */
export type Keeping = 'tiers' | 'ram';

/** What the tiers must know of an entry. It survives JSON as it is. */
export interface TierEntry {
  readonly key: string;
  readonly variants: readonly TierVariant[];
}

interface TierVariant {
  /** never used for another body */
  readonly id: string;
  readonly head: { readonly fields: readonly string[] };
  /** null while unknown */
  readonly lengthBytes: number | null;
  readonly tags: readonly string[];
}

/** What an entry, or a slice, weighs beyond its bytes: names, objects, the cells of lists and maps. */
const RECORD_BYTES = 1_024;
const VARIANT_BYTES = 512;

/** What an entry weighs in memory, about. */
export function entryBytes(entry: TierEntry): number {
  let bytes = RECORD_BYTES + entry.key.length * 2;
  for (const { head, tags, id } of entry.variants) {
    bytes += VARIANT_BYTES + id.length;
    for (const text of head.fields) bytes += text.length;
    for (const tag of tags) bytes += tag.length;
  }
  return bytes;
}

/** What a slice weighs in memory. */
export function sliceBytes({ bytes }: SliceExtent): number {
  return RECORD_BYTES + bytes.length;
}
