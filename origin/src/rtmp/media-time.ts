/** RTMP's clock has 32 bits of milliseconds and wraps after 49.7 days; media time goes on. */

const WRAP = 2 ** 32;

/** Unwraps the timestamps of one publish. */
export class MediaTime {
  #lastMs: number | null = null;

  /**
   * The unwrapped time of an audio or video message: of the times that the clock can mean, the one nearest to the message
   * before it, so that small steps back stay small (RTMP 1.0 §5.3.1: compare by serial number arithmetic, RFC 1982).
   * @param clockMs 0…2³²−1
   */
  advance(clockMs: number): number {
    this.#lastMs = this.peek(clockMs);
    return this.#lastMs;
  }

  /** The same for a data message, whose clock is often 0: it moves nothing. */
  peek(clockMs: number): number {
    if (this.#lastMs === null) return clockMs;
    // `| 0` takes the difference as a signed number of 32 bits.
    return this.#lastMs + (((clockMs - (this.#lastMs % WRAP)) % WRAP) | 0);
  }
}
