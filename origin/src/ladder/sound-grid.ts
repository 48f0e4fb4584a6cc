/**
 * Puts encoded sound on the grid of AAC frames that begins in 1970, so that frames meet exactly over every change of encoder.
 * An encoder puts out frame after frame without a hole; its timestamps wander by a part of a frame at its start.
 */

import type { Sample } from '@headwater/media/mp4/sample';

const FRAME_TICKS = 1024;
/** Timestamps that are further off than this, in frames, tell of a real hole or of a real repetition. */
const HOLD = 0.75;

export class SoundGrid {
  #nextTicks: number;

  /** @param beginTicks on the grid; what comes before, the encoder's priming, is dropped */
  constructor(beginTicks: number) {
    this.#nextTicks = beginTicks;
  }

  /** The first frame that does not begin before `ticks`, but for a rounding. */
  static ceil(ticks: number): number {
    return Math.ceil(ticks / FRAME_TICKS - 0.01) * FRAME_TICKS;
  }

  /** The frame in its place, or null for one that is to be dropped. */
  place(sample: Sample): Sample | null {
    const offFrames = (sample.dtsTicks - this.#nextTicks) / FRAME_TICKS;
    if (offFrames < -HOLD) return null;
    if (offFrames > HOLD) this.#nextTicks = Math.round(sample.dtsTicks / FRAME_TICKS) * FRAME_TICKS;
    const dtsTicks = this.#nextTicks;
    this.#nextTicks += FRAME_TICKS;
    return { ...sample, dtsTicks, ptsTicks: dtsTicks, durationTicks: FRAME_TICKS };
  }
}
