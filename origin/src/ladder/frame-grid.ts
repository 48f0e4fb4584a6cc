/**
 * Puts frames of a steady source on the frame grid of the output. Their timestamps wander by a millisecond or two; without
 * this, a source whose frames happen to fall half way between two places would lose some of them and repeat others.
 */

import type { FrameRate } from '../live/part-grid.ts';

/** A frame stays in its turn until it is this far from its place, in frames; above one half, so that it does not flutter. */
const HOLD = 0.75;

export class FrameGrid {
  readonly #frameMs: number;
  #lastMs = -Infinity;
  #lastIndex = 0;

  constructor([numerator, denominator]: FrameRate) {
    this.#frameMs = (denominator * 1000) / numerator;
  }

  /** The place on the grid (multiples of a frame since 1970) for a frame presented at `ptsMs`. */
  snap(ptsMs: number): number {
    const expected = this.#lastIndex + Math.round((ptsMs - this.#lastMs) / this.#frameMs);
    const inTurn = Math.abs(ptsMs / this.#frameMs - expected) < HOLD;
    this.#lastIndex = inTurn ? expected : Math.round(ptsMs / this.#frameMs);
    this.#lastMs = ptsMs;
    return this.#lastIndex * this.#frameMs;
  }
}
