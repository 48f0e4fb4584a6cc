/**
 * How often a name was asked for lately, in a fixed number of bytes: a count-min sketch whose counts are halved as time goes
 * on (TinyLFU: Einziger, Friedman, Manes, ACM Transactions on Storage 13(4), 2017).
 */

const ROWS = 4;
/** Beyond this a count says nothing more; a high one would keep what was popular once for too long. */
const MOST = 15;
/** A count is halved after so many observations for each name held: the history is as long as the cache is large. */
const OBSERVATIONS_PER_HELD = 10;
/** With few names held the history would be too short to tell them apart. */
const LEAST_HISTORY = 1_024;
const LEAST_WIDTH = 1_024;
const MOST_WIDTH = 2 ** 22;
/** 32-bit multipliers, one a row, odd. */
const MULTIPLIERS = [0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f];

export class FrequencySketch {
  readonly #counts: Uint8Array;
  readonly #words: Uint32Array;
  readonly #shift: number;
  readonly #width: number;
  #observed = 0;

  /** @param expected how many different names are worth telling apart; it settles the memory, {@link ROWS} bytes each */
  constructor(expected: number) {
    const bits = Math.ceil(Math.log2(Math.min(MOST_WIDTH, Math.max(LEAST_WIDTH, expected))));
    this.#width = 2 ** bits;
    this.#shift = 32 - bits;
    this.#words = new Uint32Array((this.#width * ROWS) / 4);
    this.#counts = new Uint8Array(this.#words.buffer);
  }

  /** How often the name with this hash was seen lately: never too few, at most {@link MOST}. */
  frequency(hash: number): number {
    let least = MOST;
    for (let row = 0; row < ROWS; row += 1) least = Math.min(least, this.#counts[this.#cell(hash, row)] ?? 0);
    return least;
  }

  /**
   * The name with this hash was asked for.
   * @param held how many names the cache holds now
   */
  observe(hash: number, held: number): void {
    const least = this.frequency(hash);
    if (least < MOST) {
      // Only the smallest counts grow ("conservative update"): they alone are the estimate.
      for (let row = 0; row < ROWS; row += 1) {
        const cell = this.#cell(hash, row);
        if (this.#counts[cell] === least) this.#counts[cell] = least + 1;
      }
    }
    this.#observed += 1;
    if (this.#observed >= Math.max(LEAST_HISTORY, held * OBSERVATIONS_PER_HELD)) this.#age();
  }

  #cell(hash: number, row: number): number {
    const mixed = Math.imul(hash ^ (hash >>> 15), MULTIPLIERS[row] ?? 1);
    return row * this.#width + ((mixed ^ Math.imul(mixed >>> 13, 0x5bd1e995)) >>> this.#shift);
  }

  #age(): void {
    for (let index = 0; index < this.#words.length; index += 1) {
      this.#words[index] = ((this.#words[index] ?? 0) >>> 1) & 0x7f7f7f7f;
    }
    this.#observed = Math.floor(this.#observed / 2);
  }
}

/** FNV-1a over UTF-16 units, begun at a number that others do not know: nobody can choose names that share their counts. */
export function hashName(name: string, seed: number): number {
  let hash = seed;
  for (let index = 0; index < name.length; index += 1) hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193);
  return hash ^ (hash >>> 15);
}
