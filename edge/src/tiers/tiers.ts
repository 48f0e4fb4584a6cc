/** What is stored of other people's origins, RAM first. */

import { hashName } from './admission.ts';
import { RamTier } from './ram.ts';
import { entryBytes, sliceBytes, type SliceExtent, type TierEntry } from './tier-entry.ts';

interface TiersOptions {
  /** what the RAM tier may hold at any time */
  readonly ramBytes: number;
  /** what it may hold now: less where others who share its memory hold something; by default all */
  readonly ramLimitBytes?: () => number;
  /** 32 random bits: the names' hashes depend on them, so that nobody can choose names that collide */
  readonly seed: number;
}

type Kept<E> =
  | { readonly kind: 'entry'; readonly entry: E }
  | { readonly kind: 'slice'; readonly extent: SliceExtent; readonly variantId: string; readonly index: number };

/** The slices of a variant that RAM has. */
interface HeldVariant {
  /** of the variant's key: a slice is as popular as that place of its object, whatever the variant */
  readonly hash: number;
  readonly slices: Set<number>;
  /** whether RAM has the entry, too */
  isListed: boolean;
}

export class Tiers<E extends TierEntry> {
  readonly #ram: RamTier<Kept<E>>;
  readonly #seed: number;
  readonly #variants = new Map<string, HeldVariant>();

  constructor({ ramBytes, ramLimitBytes = () => ramBytes, seed }: TiersOptions) {
    this.#seed = seed;
    this.#ram = new RamTier({
      mostBytes: ramBytes,
      limitBytes: ramLimitBytes,
      onDropped: (kept) => this.#forget(kept),
    });
  }

  get ramBytes(): number {
    return this.#ram.bytes;
  }

  /** entries and slices */
  get ramRecords(): number {
    return this.#ram.count;
  }

  get ramRefused(): number {
    return this.#ram.refused;
  }

  get ramEvicted(): number {
    return this.#ram.evicted;
  }

  /** Comes down to what RAM may hold now. */
  trimRam(): void {
    this.#ram.trim();
  }

  entry(key: string): E | undefined | Promise<E | undefined> {
    const kept = this.#ram.get(entryName(key), hashName(key, this.#seed));
    return kept?.kind === 'entry' ? kept.entry : undefined;
  }

  /** Stores an entry in the place of the one before. The slices of variants that it has no more go. */
  putEntry(entry: E): void {
    const { key, variants } = entry;
    for (const { id } of this.#heldEntry(key)?.variants ?? []) {
      if (!variants.some((variant) => variant.id === id)) this.#dropVariant(id);
    }
    const hash = hashName(key, this.#seed);
    for (const { id } of variants) this.#variantOf(id, hash).isListed = true;
    this.#ram.put(entryName(key), { kind: 'entry', entry }, { bytes: entryBytes(entry), hash });
  }

  /** Drops an entry and the slices of its variants. */
  dropEntry(key: string): void {
    this.#ram.delete(entryName(key));
  }

  slice(variantId: string, index: number): SliceExtent | undefined | Promise<SliceExtent | undefined> {
    const hash = this.#variants.get(variantId)?.hash ?? hashName(variantId, this.#seed);
    const kept = this.#ram.get(sliceName(variantId, index), hashSlice(hash, index));
    return kept?.kind === 'slice' ? kept.extent : undefined;
  }

  /** Stores what there is of a slice in the place of what there was. */
  putSlice(variantId: string, index: number, extent: SliceExtent): void {
    const variant = this.#variantOf(variantId, null);
    variant.slices.add(index);
    const about = { bytes: sliceBytes(extent), hash: hashSlice(variant.hash, index) };
    this.#ram.put(sliceName(variantId, index), { kind: 'slice', extent, variantId, index }, about);
  }

  #heldEntry(key: string): E | undefined {
    const kept = this.#ram.peek(entryName(key));
    return kept?.kind === 'entry' ? kept.entry : undefined;
  }

  /** @param hash of the variant's key; null where it is not known, and not known from before */
  #variantOf(id: string, hash: number | null): HeldVariant {
    let variant = this.#variants.get(id);
    if (variant === undefined) {
      variant = { hash: hash ?? hashName(id, this.#seed), slices: new Set(), isListed: false };
      this.#variants.set(id, variant);
    }
    return variant;
  }

  #dropVariant(id: string): void {
    const variant = this.#variants.get(id);
    if (variant === undefined) return;
    variant.isListed = false;
    for (const index of variant.slices) this.#ram.delete(sliceName(id, index));
    this.#variants.delete(id);
  }

  /** RAM has it no more. What is left of an entry that is gone can be asked for by nobody. */
  #forget(kept: Kept<E>): void {
    if (kept.kind === 'entry') {
      for (const { id } of kept.entry.variants) this.#dropVariant(id);
      return;
    }
    const variant = this.#variants.get(kept.variantId);
    variant?.slices.delete(kept.index);
    if (variant !== undefined && variant.slices.size === 0 && !variant.isListed) this.#variants.delete(kept.variantId);
  }
}

function entryName(key: string): string {
  return `e${key}`;
}

function sliceName(variantId: string, index: number): string {
  return `${index}/${variantId}`;
}

function hashSlice(hash: number, index: number): number {
  return Math.imul(hash ^ (index + 1), 0x01000193);
}
