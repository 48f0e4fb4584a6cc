/** Permission for extra requests in proportion to ordinary ones, so that trouble never multiplies them. */

import type { Clock } from '@headwater/service/clock';

export interface BucketOptions {
  /** extra requests for each ordinary one */
  readonly ratio: number;
  /** extra requests a second that are free, for when there are few ordinary ones */
  readonly perSecond: number;
  /** the most that can be saved up */
  readonly most: number;
}

/** What one of several who keep a budget together may spend. The ratio is each one's own: they divide the requests as well. */
export function shareOfBudget({ ratio, perSecond, most }: BucketOptions, sharers: number): BucketOptions {
  return { ratio, perSecond: perSecond / sharers, most: Math.max(1, most / sharers) };
}

export class TokenBucket {
  readonly #options: BucketOptions;
  readonly #clock: Clock;
  #tokens: number;
  #atMs: number;

  /** With something free it begins full; else it begins empty, and the ratio holds from the first request on. */
  constructor(options: BucketOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
    this.#tokens = options.perSecond > 0 ? options.most : 0;
    this.#atMs = clock.monotonicMs();
  }

  /** An ordinary request was made. */
  earn(): void {
    this.#tokens = Math.min(this.#options.most, this.#tokens + this.#options.ratio);
  }

  /** @returns whether an extra request may be made; it counts as made */
  spend(): boolean {
    const nowMs = this.#clock.monotonicMs();
    const free = ((nowMs - this.#atMs) / 1000) * this.#options.perSecond;
    this.#atMs = nowMs;
    this.#tokens = Math.min(this.#options.most, this.#tokens + free);
    // Ten tenths are a whole, whatever floating point makes of them.
    if (this.#tokens < 1 - Number.EPSILON * 64) return false;
    this.#tokens -= 1;
    return true;
  }
}
