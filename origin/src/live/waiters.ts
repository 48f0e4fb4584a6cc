/** Requests for what is not there yet. Bounded in number and in time; whoever comes above the limit is told at once. */

export class Waiters {
  readonly #limit: number;
  readonly #byKey = new Map<string, Set<() => void>>();
  #count = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get count(): number {
    return this.#count;
  }

  /**
   * Waits until `key` is woken, `waitMs` have passed or `signal` aborts; the caller looks again in each case.
   * @returns null when there are too many waiters already
   */
  wait(key: string, waitMs: number, signal?: AbortSignal): Promise<void> | null {
    if (this.#count >= this.#limit) return null;
    if (signal?.aborted === true) return Promise.resolve();
    this.#count += 1;
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiting = this.#byKey.get(key) ?? new Set();
    this.#byKey.set(key, waiting);
    const release = (): void => {
      if (!waiting.delete(release)) return;
      this.#count -= 1;
      if (waiting.size === 0 && this.#byKey.get(key) === waiting) this.#byKey.delete(key);
      clearTimeout(timer);
      signal?.removeEventListener('abort', release);
      resolve();
    };
    const timer = setTimeout(release, waitMs);
    waiting.add(release);
    signal?.addEventListener('abort', release, { once: true });
    return promise;
  }

  wake(key: string): void {
    for (const release of this.#byKey.get(key) ?? []) release();
  }

  wakeAll(): void {
    for (const key of this.#byKey.keys()) this.wake(key);
  }
}
