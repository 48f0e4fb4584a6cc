/** A wall clock without leaps: a stream's time must not jump when the system's clock is set. */

import type { Clock } from '@headwater/service/clock';

/** How fast it follows the system's clock, in ms per ms. */
const FOLLOW = 0.001;

export class SteadyClock implements Clock {
  readonly #inner: Clock;
  #offsetMs: number;
  #readAtMs: number;

  constructor(inner: Clock) {
    this.#inner = inner;
    this.#readAtMs = inner.monotonicMs();
    this.#offsetMs = inner.nowMs() - this.#readAtMs;
  }

  nowMs(): number {
    const monotonicMs = this.#inner.monotonicMs();
    const reachMs = (monotonicMs - this.#readAtMs) * FOLLOW;
    const errorMs = this.#inner.nowMs() - monotonicMs - this.#offsetMs;
    this.#offsetMs += Math.max(-reachMs, Math.min(reachMs, errorMs));
    this.#readAtMs = monotonicMs;
    return monotonicMs + this.#offsetMs;
  }

  monotonicMs(): number {
    return this.#inner.monotonicMs();
  }
}
