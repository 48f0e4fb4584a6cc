/**
 * Tells an encoder that cannot keep up from one that had a bad moment. Time under strain adds up, time without it wears off twice
 * as fast, and what lies between the two marks counts for neither.
 */

/** How an encoder stands; null while that cannot be said: it has just been started, or is not running. */
export type Strain = { readonly behindMs: number; /** it takes no more input */ readonly isFull: boolean } | null;

/** So far behind what it was given, an encoder is under strain … */
export const STRAINED_MS = 2_000;
/** … and not so far, it is not. */
export const RELAXED_MS = 1_000;
/** So much strain is too much. By chance up to twice as much: where several encoders suffer, one that yields may be enough. */
export const PATIENCE_MS = 4_000;
const RECOVERY = 2;
/** A look counts for no more than this: a process that was stopped has seen nothing of the time between. */
const MOST_PER_LOOK_MS = 250;

export class Overload {
  readonly #patienceMs: number;
  #strainMs = 0;
  #lookedAtMs: number | null = null;

  /** @param random in [0, 1) */
  constructor(random: () => number) {
    this.#patienceMs = PATIENCE_MS * (1 + random());
  }

  /**
   * Looks at an encoder, several times a second.
   * @param frameMs how long a frame of its output lasts: it holds a few
   * @returns whether it is too much for the machine
   */
  look(nowMs: number, strain: Strain, frameMs: number): boolean {
    const passedMs = Math.min(MOST_PER_LOOK_MS, nowMs - (this.#lookedAtMs ?? nowMs));
    this.#lookedAtMs = nowMs;
    if (strain === null) this.#strainMs = 0;
    else if (strain.isFull || strain.behindMs > STRAINED_MS + 3 * frameMs) this.#strainMs += passedMs;
    else if (strain.behindMs < RELAXED_MS + 3 * frameMs)
      this.#strainMs = Math.max(0, this.#strainMs - RECOVERY * passedMs);
    return this.#strainMs > this.#patienceMs;
  }
}
