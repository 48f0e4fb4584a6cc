/**
 * What is fetched before anybody asks for it. It is a favour: bounded in how much goes on at once and how much waits, one of a
 * name, and what finds no room is not fetched.
 */

export interface PrefetchQueueOptions {
  /** at once; 0: none ever */
  readonly running: number;
  /** for one of those to end */
  readonly waiting: number;
  readonly onEnded: (result: PrefetchResult) => void;
}

/** `dropped`: there was no room. */
export type PrefetchResult = 'fetched' | 'failed' | 'dropped';

/** Brings the object into the cache; says whether it did. It bounds its own time. */
export type Prefetch = () => Promise<boolean>;

export class PrefetchQueue {
  readonly #options: PrefetchQueueOptions;
  readonly #running = new Set<string>();
  readonly #waiting = new Map<string, Prefetch>();
  #isStopped = false;

  constructor(options: PrefetchQueueOptions) {
    this.#options = options;
  }

  get running(): number {
    return this.#running.size;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Fetches it now or when others have ended. One that is in hand under the same key is enough. */
  offer(key: string, prefetch: Prefetch): void {
    const { running, waiting, onEnded } = this.#options;
    if (this.#isStopped || this.#running.has(key) || this.#waiting.has(key)) return;
    if (this.#running.size < running) void this.#run(key, prefetch);
    else if (this.#waiting.size < waiting) this.#waiting.set(key, prefetch);
    else onEnded('dropped');
  }

  /** Nothing more begins. */
  stop(): void {
    this.#isStopped = true;
    this.#waiting.clear();
  }

  async #run(key: string, prefetch: Prefetch): Promise<void> {
    this.#running.add(key);
    // Who asks for it later meets the same trouble, and tells of it.
    const isFetched = await prefetch().catch(() => false);
    this.#running.delete(key);
    this.#options.onEnded(isFetched ? 'fetched' : 'failed');
    const [first] = this.#waiting;
    if (first === undefined) return;
    this.#waiting.delete(first[0]);
    void this.#run(...first);
  }
}
