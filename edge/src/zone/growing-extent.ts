/** A run of bytes within one slice that grows at its end. Whoever reads has a view of it, and keeps it when it moves. */

import { SLICE_BYTES, type SliceExtent } from '../tiers/tier-entry.ts';
import type { MemoryBudget } from './memory-budget.ts';

const FIRST_CAPACITY_BYTES = 64 * 1024;

export class GrowingExtent {
  readonly offset: number;
  readonly #budget: MemoryBudget;
  #buffer: Buffer;
  #filled = 0;

  private constructor(budget: MemoryBudget, offset: number, buffer: Buffer) {
    this.offset = offset;
    this.#budget = budget;
    this.#buffer = buffer;
  }

  /**
   * An empty one.
   * @param offset where it begins in its slice
   * @param expectedBytes how many will come, where that is known
   * @returns null when there is no memory for it
   */
  static begin(budget: MemoryBudget, offset: number, expectedBytes: number | null): GrowingExtent | null {
    const capacity = Math.min(SLICE_BYTES - offset, expectedBytes ?? FIRST_CAPACITY_BYTES);
    const buffer = budget.take(capacity);
    return buffer === null ? null : new GrowingExtent(budget, offset, buffer);
  }

  /** Where it ends in its slice, exclusive. */
  get end(): number {
    return this.offset + this.#filled;
  }

  get heldBytes(): number {
    return this.#buffer.length;
  }

  /** Adds a copy of the bytes, which must fit into the slice; false when there is no memory for them. */
  append(bytes: Uint8Array): boolean {
    const needed = this.#filled + bytes.length;
    if (needed > this.#buffer.length) {
      const capacity = Math.min(SLICE_BYTES - this.offset, Math.max(needed, this.#buffer.length * 2));
      const larger = this.#budget.take(capacity, this.#buffer);
      if (larger === null) return false;
      this.#buffer = larger;
    }
    this.#buffer.set(bytes, this.#filled);
    this.#filled = needed;
    return true;
  }

  /** What is there from a place in the slice on; null when that place is not in it. */
  from(offset: number): Buffer | null {
    return offset >= this.offset && offset < this.end
      ? this.#buffer.subarray(offset - this.offset, this.#filled)
      : null;
  }

  /** All of it, in a buffer of just that size. */
  whole(): SliceExtent {
    const view = this.#buffer.subarray(0, this.#filled);
    return { offset: this.offset, bytes: this.#filled === this.#buffer.length ? view : Buffer.from(view) };
  }

  /** Gives its memory back to the budget. */
  release(): void {
    this.#budget.release(this.#buffer);
  }
}
