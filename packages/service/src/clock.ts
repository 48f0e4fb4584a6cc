/** Time as a parameter. The only file that reads the machine's clocks. */
export interface Clock {
  /** wall clock, milliseconds since 1970, with a fraction */
  nowMs(): number;
  /** never goes back; milliseconds from an arbitrary start */
  monotonicMs(): number;
}

/** The machine's clock. The wall clock is read anew each time, so a step of the system's clock is followed. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};

/** A clock that moves only when told to; for tests. */
export class ManualClock implements Clock {
  #nowMs: number;
  readonly #startMs: number;

  constructor(startMs: number) {
    this.#nowMs = startMs;
    this.#startMs = startMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs - this.#startMs;
  }

  advance(byMs: number): void {
    this.#nowMs += byMs;
  }
}
