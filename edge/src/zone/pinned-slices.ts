/** The slices of a body that are pinned in memory, and what they hold of it. The oldest comes first. */

import { SLICE_BYTES } from '../tiers/tier-entry.ts';
import { GrowingExtent } from './growing-extent.ts';
import type { MemoryBudget } from './memory-budget.ts';

export class PinnedSlices {
  readonly #budget: MemoryBudget;
  readonly #extents = new Map<number, GrowingExtent>();
  #heldBytes = 0;

  constructor(budget: MemoryBudget) {
    this.#budget = budget;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Their places in the object. */
  get indices(): readonly number[] {
    return [...this.#extents.keys()];
  }

  at(index: number): GrowingExtent | undefined {
    return this.#extents.get(index);
  }

  /** What is pinned from a byte of the object on, within its slice; null when that byte is not. */
  read(position: number): Buffer | null {
    const index = Math.floor(position / SLICE_BYTES);
    return this.#extents.get(index)?.from(position - index * SLICE_BYTES) ?? null;
  }

  /**
   * The extent that a byte belongs into: one that has it or ends right before it, else a new one.
   * @param within its place in the slice
   * @param expectedBytes how many will come, where that is known
   * @returns null when there is no memory for it
   */
  extentAt(index: number, within: number, expectedBytes: number | null): GrowingExtent | null {
    const there = this.#extents.get(index);
    if (there !== undefined && within >= there.offset && within <= there.end) return there;
    this.unpin(index);
    const extent = GrowingExtent.begin(this.#budget, within, expectedBytes);
    if (extent === null) return null;
    this.#extents.set(index, extent);
    this.#heldBytes += extent.heldBytes;
    return extent;
  }

  /** Adds bytes to one of them; false when there is no memory for them. */
  append(extent: GrowingExtent, bytes: Uint8Array): boolean {
    const before = extent.heldBytes;
    const isThere = extent.append(bytes);
    this.#heldBytes += extent.heldBytes - before;
    return isThere;
  }

  unpin(index: number): void {
    const extent = this.#extents.get(index);
    if (extent === undefined) return;
    this.#extents.delete(index);
    this.#heldBytes -= extent.heldBytes;
    extent.release();
  }
}
