/** A circuit breaker: after some failures in a row nobody waits for the next one, until a try after a pause succeeds. */

import type { Clock } from '@headwater/service/clock';

interface BreakerOptions {
  readonly clock: Clock;
  /** failures in a row that open it */
  readonly failures: number;
  /** how long it stays open before one call may try */
  readonly pauseMs: number;
  readonly onChange?: (open: boolean) => void;
}

export class Breaker {
  readonly #options: BreakerOptions;
  #failures = 0;
  #openedAtMs: number | null = null;

  constructor(options: BreakerOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#openedAtMs !== null;
  }

  /**
   * Whether a call may be made now. While it is open one call in each pause may: the one that tries.
   */
  admits(): boolean {
    if (this.#openedAtMs === null) return true;
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs - this.#openedAtMs < this.#options.pauseMs) return false;
    this.#openedAtMs = nowMs;
    return true;
  }

  succeeded(): void {
    this.#failures = 0;
    if (this.#openedAtMs === null) return;
    this.#openedAtMs = null;
    this.#options.onChange?.(false);
  }

  failed(): void {
    this.#failures += 1;
    if (this.#openedAtMs !== null || this.#failures < this.#options.failures) return;
    this.#openedAtMs = this.#options.clock.monotonicMs();
    this.#options.onChange?.(true);
  }
}
