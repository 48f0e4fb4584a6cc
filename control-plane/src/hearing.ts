/** Who was heard lately. A pause of this process itself is nobody's silence: it may not have heard what was said. */

import type { Clock } from '@headwater/service/clock';

/** When sweeps stand further apart, it was this process that did not run. */
const SWEEP_GAP_MS = 1_000;

export class Hearing {
  readonly #clock: Clock;
  readonly #lapseMs: number;
  /** monotonic; when silence began to count */
  readonly #sinceMs = new Map<string, number>();
  readonly #silent = new Set<string>();
  #sweptAtMs: number;

  constructor(clock: Clock, lapseMs: number) {
    this.#clock = clock;
    this.#lapseMs = lapseMs;
    this.#sweptAtMs = clock.monotonicMs();
  }

  /** @param ageMs how long ago that was */
  heard(id: string, ageMs = 0): void {
    this.#sinceMs.set(id, Math.max(this.#sinceMs.get(id) ?? -Infinity, this.#clock.monotonicMs() - ageMs));
    if (ageMs < this.#lapseMs) this.#silent.delete(id);
  }

  forget(id: string): void {
    this.#sinceMs.delete(id);
    this.#silent.delete(id);
  }

  knows(id: string): boolean {
    return this.#sinceMs.has(id);
  }

  /** Also true of one that was never heard. */
  isSilent(id: string): boolean {
    return this.#silent.has(id) || !this.#sinceMs.has(id);
  }

  /** Judges who has been silent for too long. Called a few times a second. */
  sweep(): void {
    const nowMs = this.#clock.monotonicMs();
    const gapMs = nowMs - this.#sweptAtMs;
    this.#sweptAtMs = nowMs;
    for (const [id, sinceMs] of this.#sinceMs) {
      const silentSinceMs = gapMs > SWEEP_GAP_MS ? sinceMs + gapMs : sinceMs;
      this.#sinceMs.set(id, silentSinceMs);
      if (nowMs - silentSinceMs >= this.#lapseMs) this.#silent.add(id);
    }
  }
}
