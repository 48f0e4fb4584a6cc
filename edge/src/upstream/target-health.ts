/**
 * What is known of one target: a circuit breaker that failures open, that time half opens, and one success closes; and, of
 * a parent that is asked for it, whether it says that it is ready.
 */

import { readPath } from '@headwater/protocol/uri-path';
import type { Clock } from '@headwater/service/clock';

export type BreakerState = 'closed' | 'open' | 'half-open';

export interface BreakerLimits {
  /** failures in a row that open it: connections, and different pages */
  readonly failures: number;
  /** how long it stays open at first; twice as long after each trial that fails */
  readonly openMs: number;
  readonly openMostMs: number;
}

export const BREAKER_LIMITS: BreakerLimits = { failures: 5, openMs: 500, openMostMs: 10_000 };

export class TargetHealth {
  readonly #limits: BreakerLimits;
  readonly #clock: Clock;
  readonly #onChange: (state: BreakerState) => void;
  /** pages that were not answered since anything was */
  readonly #failedPages = new Set<string>();
  #failures = 0;
  #openMs: number;
  #openedMs: number | null = null;
  #isTrying = false;
  #isReady = true;

  constructor(options: {
    readonly limits: BreakerLimits;
    readonly clock: Clock;
    readonly onChange: (state: BreakerState) => void;
  }) {
    this.#limits = options.limits;
    this.#clock = options.clock;
    this.#onChange = options.onChange;
    this.#openMs = options.limits.openMs;
  }

  get state(): BreakerState {
    if (this.#openedMs === null) return 'closed';
    return this.#clock.monotonicMs() - this.#openedMs < this.#openMs ? 'open' : 'half-open';
  }

  /** What a probe found last. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** Whether a request may go there now. */
  get isAvailable(): boolean {
    const { state } = this;
    return this.#isReady && (state === 'closed' || (state === 'half-open' && !this.#isTrying));
  }

  /**
   * A request goes there.
   * @returns whether it is the one that a half-open breaker is tried by; to be handed back with how it ended
   */
  begin(): boolean {
    if (this.state !== 'half-open' || this.#isTrying) return false;
    this.#isTrying = true;
    this.#onChange('half-open');
    return true;
  }

  /** A request was answered. */
  succeed(): void {
    this.#failures = 0;
    this.#failedPages.clear();
    this.#isTrying = false;
    if (this.#openedMs === null) return;
    this.#openedMs = null;
    this.#openMs = this.#limits.openMs;
    this.#onChange('closed');
  }

  /**
   * A request was not answered as by a server that is well.
   * @param path what was asked for, with its query, where the server was there: one page may hang that viewers keep asking for,
   *   so it counts once
   */
  fail(isTrial: boolean, path?: string): void {
    if (path !== undefined && !this.#isNew(path)) return this.leave(isTrial);
    this.#failures += 1;
    if (isTrial) {
      this.#isTrying = false;
      this.#openMs = Math.min(this.#openMs * 2, this.#limits.openMostMs);
    } else if (this.#openedMs !== null || this.#failures < this.#limits.failures) return;
    this.#openedMs = this.#clock.monotonicMs();
    this.#onChange('open');
  }

  #isNew(path: string): boolean {
    const [spelt = ''] = path.split('?', 1);
    const read = readPath(spelt);
    const page = read.ok ? read.name : spelt;
    if (this.#failedPages.has(page)) return false;
    if (this.#failedPages.size < this.#limits.failures) this.#failedPages.add(page);
    return true;
  }

  /** A request ended in a way that says nothing of the target. */
  leave(isTrial: boolean): void {
    if (isTrial) this.#isTrying = false;
  }

  /** It seems to be there again: if its breaker is open, one request may try it now. */
  letTry(): void {
    if (this.#openedMs !== null) this.#openedMs = -Infinity;
  }

  /** What a probe found. */
  setReady(isReady: boolean): void {
    this.#isReady = isReady;
  }
}
