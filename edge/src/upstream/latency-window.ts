/** The times of the last answers, for the quantile above which an answer is late. */

const SAMPLES = 256;
/** Fewer say nothing of a twentieth. */
const FEWEST = 40;
/** The quantile is found anew after so many. */
const EVERY = 16;

export class LatencyWindow {
  readonly #times = new Float64Array(SAMPLES);
  readonly #quantile: number;
  #count = 0;
  #value: number | null = null;

  constructor(quantile: number) {
    this.#quantile = quantile;
  }

  add(ms: number): void {
    this.#times[this.#count % SAMPLES] = ms;
    this.#count += 1;
    if (this.#count < FEWEST || this.#count % EVERY !== 0) return;
    const sorted = this.#times.slice(0, Math.min(this.#count, SAMPLES)).sort();
    this.#value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * this.#quantile))] as number;
  }

  /** Null while too few are known. */
  get value(): number | null {
    return this.#value;
  }
}
