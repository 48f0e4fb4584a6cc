/**
 * Puts frames of a steady source on the frame grid of the output. Their timestamps wander by a millisecond or two; without
 * this, a source whose frames happen to fall half way between two places would lose some of them and repeat others.
 */

import { type FrameRate, frameDurationMs } from '../live/part-grid.ts';

/** A frame stays in its turn until it is this far outside its place, in frames, so that it does not flutter. */
const HOLD = 0.25;

export class FrameGrid {
  readonly #frameMs: number;
  #lastMs = -Infinity;
  #lastIndex = 0;
  #shiftMs = 0;

  constructor(rate: FrameRate) {
    this.#frameMs = frameDurationMs(rate);
  }

  /** By how much the newest frame was moved; sound moves along, or lips would not. */
  get shiftMs(): number {
    return this.#shiftMs;
  }

  /**
   * The place on the grid (multiples of a frame since 1970) for a frame presented at `ptsMs`: the one before it, because what
   * is known of a frame is when it arrived, and it was taken earlier.
   */
  snap(ptsMs: number): number {
    const place = ptsMs / this.#frameMs;
    const expected = this.#lastIndex + Math.round((ptsMs - this.#lastMs) / this.#frameMs);
    const inTurn = place > expected - HOLD && place < expected + 1 + HOLD;
    this.#lastIndex = inTurn ? expected : Math.floor(place);
    this.#lastMs = ptsMs;
    const snappedMs = this.#lastIndex * this.#frameMs;
    this.#shiftMs = snappedMs - ptsMs;
    return snappedMs;
  }
}
