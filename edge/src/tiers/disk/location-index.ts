/**
 * Where on disk a name's record is: 16 bytes a record in typed arrays, open addressing with linear probing, in shards that grow
 * one at a time so that no growth takes longer than some milliseconds.
 *
 * A slot is four words: the name's hash, the offset in steps, and volume (16 bits), used (1), length in steps (15). An entry is
 * marked in the offset's highest bit. A slot is empty when its last word is 0: volumes count from 1.
 */

import type { NameHash } from './index-block.ts';
import { STEP_BYTES } from './record.ts';

export interface Location {
  /** 1 to {@link MOST_VOLUMES} */
  readonly volume: number;
  readonly offset: number;
  readonly length: number;
  readonly isEntry: boolean;
}

export const MOST_VOLUMES = 65_535;
const WORDS = 4;
const SHARDS = 64;
const FIRST_SLOTS = 64;
const MOST_LOAD = 0.75;
/** No shard has so many times the average. */
const SPREAD = 1.1;
const ENTRY_BIT = 0x8000_0000;
const USED_BIT = 0x8000;
const LENGTH_BITS = 0x7fff;

interface Shard {
  words: Uint32Array;
  mask: number;
  count: number;
}

export class LocationIndex {
  readonly #shards: readonly Shard[] = Array.from({ length: SHARDS }, () => emptyShard(FIRST_SLOTS));
  #records = 0;
  #entries = 0;

  get records(): number {
    return this.#records;
  }

  get entries(): number {
    return this.#entries;
  }

  get memoryBytes(): number {
    return this.#shards.reduce((sum, { words }) => sum + words.byteLength, 0);
  }

  find({ high, low }: NameHash): Location | undefined {
    const shard = this.#shardOf(high);
    const at = slotOf(shard, high, low);
    return (shard.words[at + 3] ?? 0) === 0 ? undefined : readSlot(shard.words, at);
  }

  /** Makes room for so many records in an index that has none, so that it does not have to grow to it. */
  reserve(records: number): void {
    const wanted = Math.ceil(((records / SHARDS) * SPREAD) / MOST_LOAD);
    const slots = Math.max(FIRST_SLOTS, 2 ** Math.ceil(Math.log2(wanted)));
    for (const shard of this.#shards) Object.assign(shard, emptyShard(slots));
  }

  /**
   * Takes up a record at a start, where there are millions, by {@link placeWord} and {@link lastWord}.
   * @returns false, and nothing is done, if the name is there
   */
  add(high: number, low: number, place: number, last: number): boolean {
    const shard = this.#shardOf(high);
    if (shard.count >= (shard.mask + 1) * MOST_LOAD) grow(shard);
    const { words } = shard;
    const at = slotOf(shard, high, low);
    if (words[at + 3] !== 0) return false;
    words[at] = high;
    words[at + 1] = low;
    words[at + 2] = place;
    words[at + 3] = last;
    shard.count += 1;
    this.#records += 1;
    if (place >>> 31 === 1) this.#entries += 1;
    return true;
  }

  /** @returns what was there before */
  put({ high, low }: NameHash, location: Location): Location | undefined {
    const shard = this.#shardOf(high);
    if (shard.count >= (shard.mask + 1) * MOST_LOAD) grow(shard);
    const at = slotOf(shard, high, low);
    const { words } = shard;
    const before = (words[at + 3] ?? 0) === 0 ? undefined : readSlot(words, at);
    words[at] = high;
    words[at + 1] = low;
    words[at + 2] = placeWord(location.offset, location.isEntry);
    words[at + 3] = lastWord(location.volume, location.length);
    if (before === undefined) {
      shard.count += 1;
      this.#records += 1;
    }
    this.#entries += Number(location.isEntry) - Number(before?.isEntry ?? false);
    return before;
  }

  delete({ high, low }: NameHash): Location | undefined {
    const shard = this.#shardOf(high);
    const at = slotOf(shard, high, low);
    if ((shard.words[at + 3] ?? 0) === 0) return undefined;
    const before = readSlot(shard.words, at);
    removeSlot(shard, at);
    this.#records -= 1;
    if (before.isEntry) this.#entries -= 1;
    return before;
  }

  /** Somebody asked for it: it may stay when its volume goes. */
  markUsed({ high, low }: NameHash): void {
    const { words, mask } = this.#shardOf(high);
    const at = slotOf({ words, mask }, high, low);
    const last = words[at + 3] ?? 0;
    if (last !== 0) words[at + 3] = last | USED_BIT;
  }

  /** All that is in some volumes, shard by shard: what changes between two shards is seen or not. */
  *inVolumes(volumes: readonly number[]): Generator<readonly (NameHash & Location & { readonly isUsed: boolean })[]> {
    // No slot that is empty has a volume.
    const isWanted = new Uint8Array(MOST_VOLUMES + 1);
    for (const volume of volumes) isWanted[volume] = 1;
    for (const { words } of this.#shards) {
      const found: (NameHash & Location & { readonly isUsed: boolean })[] = [];
      for (let at = 0; at < words.length; at += WORDS) {
        const last = words[at + 3] ?? 0;
        if (isWanted[last >>> 16] !== 1) continue;
        const hash = { high: words[at] ?? 0, low: words[at + 1] ?? 0 };
        found.push({ ...hash, ...readSlot(words, at), isUsed: (last & USED_BIT) !== 0 });
      }
      yield found;
    }
  }

  #shardOf(high: number): Shard {
    return this.#shards[high >>> 26] as Shard;
  }
}

/** A slot's third word. */
export function placeWord(offset: number, isEntry: boolean): number {
  return (offset / STEP_BYTES) | (isEntry ? ENTRY_BIT : 0);
}

/** A slot's last word, of what nobody has asked for yet. */
export function lastWord(volume: number, length: number): number {
  return (volume << 16) | (length / STEP_BYTES);
}

function emptyShard(slots: number): Shard {
  return { words: new Uint32Array(slots * WORDS), mask: slots - 1, count: 0 };
}

/** The slot that has the name, or the empty one where it belongs. */
function slotOf({ words, mask }: Pick<Shard, 'words' | 'mask'>, high: number, low: number): number {
  let slot = low & mask;
  for (;;) {
    const at = slot * WORDS;
    if (words[at + 3] === 0 || (words[at + 1] === low && words[at] === high)) return at;
    slot = (slot + 1) & mask;
  }
}

function readSlot(words: Uint32Array, at: number): Location {
  const place = words[at + 2] ?? 0;
  const last = words[at + 3] ?? 0;
  return {
    volume: last >>> 16,
    offset: (place & ~ENTRY_BIT) * STEP_BYTES,
    length: (last & LENGTH_BITS) * STEP_BYTES,
    isEntry: place >>> 31 === 1,
  };
}

function grow(shard: Shard): void {
  const old = shard.words;
  const slots = (shard.mask + 1) * 2;
  shard.words = new Uint32Array(slots * WORDS);
  shard.mask = slots - 1;
  for (let at = 0; at < old.length; at += WORDS) {
    if (old[at + 3] === 0) continue;
    const to = slotOf(shard, old[at] ?? 0, old[at + 1] ?? 0);
    shard.words.set(old.subarray(at, at + WORDS), to);
  }
}

/** Empties a slot; those after it that were pushed on by it move up, so that no search ends at the gap. */
function removeSlot(shard: Shard, at: number): void {
  const { words, mask } = shard;
  let gap = at / WORDS;
  let slot = gap;
  for (;;) {
    slot = (slot + 1) & mask;
    if (words[slot * WORDS + 3] === 0) break;
    const home = (words[slot * WORDS + 1] ?? 0) & mask;
    if (((slot - home) & mask) < ((slot - gap) & mask)) continue;
    words.copyWithin(gap * WORDS, slot * WORDS, (slot + 1) * WORDS);
    gap = slot;
  }
  words.fill(0, gap * WORDS, (gap + 1) * WORDS);
  shard.count -= 1;
}
