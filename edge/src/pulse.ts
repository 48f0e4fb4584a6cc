/**
 * Whether an origin can be reached from here. While it answers it can; when nothing came for a while it is asked; one that does
 * not answer then, or that fails again and again, is lost until it answers.
 */

import type { Clock } from '@headwater/service/clock';

interface PulseOptions {
  readonly clock: Clock;
  /** silence that is nothing out of the ordinary; 0: nothing is expected any more */
  readonly silentMs: () => number;
  /** asks it; false when no answer comes in time */
  readonly probe: () => Promise<boolean>;
  /** it was lost, or found again */
  readonly onChange: () => void;
}

/** A connection that was closed as a request went out on it is no loss. */
const FAILURES = 2;
/** How often is looked whether anything is expected again. */
const LOOK_MS = 1_000;

export class Pulse {
  readonly #options: PulseOptions;
  #heardMs: number;
  #failures = 0;
  #isLost = false;
  #isStopped = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: PulseOptions) {
    this.#options = options;
    this.#heardMs = options.clock.monotonicMs();
    this.#arm(options.silentMs());
  }

  get isLost(): boolean {
    return this.#isLost;
  }

  /** It answered. */
  heard(): void {
    this.#heardMs = this.#options.clock.monotonicMs();
    this.#failures = 0;
    this.#set(false);
  }

  /** A request to it failed. */
  failed(): void {
    this.#failures += 1;
    if (this.#failures >= FAILURES) this.#set(true);
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  #set(isLost: boolean): void {
    if (this.#isLost === isLost) return;
    this.#isLost = isLost;
    this.#options.onChange();
  }

  #arm(ms: number): void {
    if (this.#isStopped) return;
    this.#timer = setTimeout(() => void this.#look(), ms > 0 ? ms : LOOK_MS);
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    const { clock, silentMs, probe } = this.#options;
    const limitMs = silentMs();
    const quietMs = clock.monotonicMs() - this.#heardMs;
    if (limitMs === 0 || quietMs < limitMs) return this.#arm(limitMs - quietMs);
    const isThere = await probe();
    if (this.#isStopped) return;
    if (isThere) this.heard();
    else this.#set(true);
    this.#arm(limitMs);
  }
}
