/** Response rate limiting: a source address in a UDP query proves nothing, so no network gets more answers than a resolver needs. */

import type { Clock } from '@headwater/service/clock';
import { partyOf } from './party.ts';

/** Answers a second for one network, and how many may come at once. */
const PER_SECOND = 100;
const BURST = 200;
/** Networks remembered; beyond, the oldest go. */
const NETWORKS = 20_000;

interface Bucket {
  tokens: number;
  atMs: number;
  /** over its rate, every other answer is truncated and the rest is not sent */
  slips: number;
}

export class ResponseRate {
  readonly #clock: Clock;
  readonly #buckets = new Map<string, Bucket>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  judge(address: string): 'answer' | 'truncate' | 'drop' {
    const bucket = this.#bucketOf(partyOf(address));
    const nowMs = this.#clock.monotonicMs();
    bucket.tokens = Math.min(BURST, bucket.tokens + ((nowMs - bucket.atMs) * PER_SECOND) / 1_000);
    bucket.atMs = nowMs;
    if (bucket.tokens >= 1) {
      bucket.tokens -= 1;
      return 'answer';
    }
    bucket.slips += 1;
    return bucket.slips % 2 === 0 ? 'truncate' : 'drop';
  }

  #bucketOf(network: string): Bucket {
    const known = this.#buckets.get(network);
    // Set anew, so that the map's order is that of use.
    this.#buckets.delete(network);
    const bucket = known ?? { tokens: BURST, atMs: this.#clock.monotonicMs(), slips: 0 };
    this.#buckets.set(network, bucket);
    const oldest = this.#buckets.keys().next().value;
    if (this.#buckets.size > NETWORKS && oldest !== undefined) this.#buckets.delete(oldest);
    return bucket;
  }
}
