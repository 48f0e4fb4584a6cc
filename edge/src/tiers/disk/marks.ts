/**
 * What is dead on disk, to be said in the index of the volume that has it. A start then does not bring it back, and what is said
 * goes with the volume that it is about.
 */

import { type IndexItem, MOST_ITEMS, type NameHash } from './index-block.ts';
import type { Location } from './location-index.ts';
import type { Volume } from './volume.ts';

/** Those that wait for a slow disk. */
const MOST_WAITING = 65_536;

export class Marks {
  readonly #waiting = new Map<Volume, IndexItem[]>();
  readonly #untold = new Set<Volume>();
  #count = 0;

  get count(): number {
    return this.#count;
  }

  get isHalfFull(): boolean {
    return this.#count > MOST_WAITING / 2;
  }

  /** Those of which it could not be said what is dead: it may be there again after a restart. */
  get untold(): readonly Volume[] {
    return [...this.#untold];
  }

  add(volume: Volume, { high, low }: NameHash, { offset, isEntry }: Pick<Location, 'offset' | 'isEntry'>): void {
    if (this.#count >= MOST_WAITING) {
      this.#untold.add(volume);
      return;
    }
    const items = this.#waiting.get(volume) ?? [];
    items.push({ high, low, offset, length: 0, isEntry });
    this.#waiting.set(volume, items);
    this.#count += 1;
  }

  /** The volume goes, and what was to be said of it. */
  forget(volume: Volume): void {
    this.#count -= this.#waiting.get(volume)?.length ?? 0;
    this.#waiting.delete(volume);
    this.#untold.delete(volume);
  }

  /** Writes what waits now. */
  async write(sequence: number): Promise<void> {
    const waiting = new Map(this.#waiting);
    for (const [volume, items] of waiting) {
      this.#count -= items.length;
      this.#waiting.delete(volume);
      for (let from = 0; from < items.length; from += MOST_ITEMS) {
        const some = items.slice(from, from + MOST_ITEMS);
        await volume.mark(some, sequence).catch(() => this.#untold.add(volume));
      }
    }
  }
}
