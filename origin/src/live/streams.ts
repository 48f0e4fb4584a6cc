/**
 * The streams that this origin can serve: those on air, and those that ended a moment ago. Their media together have a ceiling:
 * each stream on air has the least that its players need set aside, and what is above that gives way.
 */

import { LiveStream, type LiveStreamOptions } from './stream.ts';

/** An ended stream stays readable for players that are still finishing it. */
export const ENDED_KEPT_MS = 60_000;
/** Above this the one that ended first is forgotten at once. */
export const MAX_ENDED = 100;

interface LiveStreamsOptions {
  /** a stream's options by its name */
  readonly make: (name: string) => Omit<LiveStreamOptions, 'onGrown'>;
  /** of all windows together */
  readonly maxBytes: number;
  /** a stream lost its oldest segments to the ceiling */
  readonly onGaveWay?: (name: string) => void;
}

export class LiveStreams implements Disposable {
  readonly #options: LiveStreamsOptions;
  readonly #streams = new Map<string, LiveStream>();
  /** what is set aside, of each stream on air */
  readonly #leastBytes = new Map<string, number>();
  readonly #forgetting = new Map<string, NodeJS.Timeout>();

  constructor(options: LiveStreamsOptions) {
    this.#options = options;
  }

  /** What all windows hold. */
  get bytes(): number {
    return sum([...this.#streams.values()].map(({ bytes }) => bytes));
  }

  /** Whether so many bytes can be set aside for one stream more. */
  hasRoom(leastBytes: number): boolean {
    return sum([...this.#leastBytes.values()]) + leastBytes <= this.#options.maxBytes;
  }

  get(name: string): LiveStream | undefined {
    return this.#streams.get(name);
  }

  values(): IterableIterator<LiveStream> {
    return this.#streams.values();
  }

  /**
   * The stream of that name, as it was left or new.
   * @param leastBytes are set aside for it
   */
  open(name: string, leastBytes: number): LiveStream {
    this.#leastBytes.set(name, leastBytes);
    clearTimeout(this.#forgetting.get(name));
    this.#forgetting.delete(name);
    const stream =
      this.#streams.get(name) ??
      new LiveStream({ ...this.#options.make(name), onGrown: () => this.#keepWithinBytes() });
    this.#streams.set(name, stream);
    return stream;
  }

  /** Nobody publishes it any more. */
  end(name: string): void {
    const stream = this.#streams.get(name);
    if (stream === undefined || this.#forgetting.has(name)) return;
    stream.end();
    this.#leastBytes.delete(name);
    this.#forgetting.set(name, setTimeout(() => this.#forget(name), ENDED_KEPT_MS).unref());
    const oldest = this.#forgetting.keys().next().value;
    if (this.#forgetting.size > MAX_ENDED && oldest !== undefined) this.#forget(oldest);
  }

  #forget(name: string): void {
    clearTimeout(this.#forgetting.get(name));
    this.#forgetting.delete(name);
    this.#streams.delete(name);
  }

  /** Those that ended give way first, then the one that holds the most above what is set aside for it. */
  #keepWithinBytes(): void {
    while (this.bytes > this.#options.maxBytes) {
      const inTurn = [...this.#streams.values()].sort((a, b) => this.#surplus(b) - this.#surplus(a));
      const gave = inTurn.find((stream) => stream.dropOldest());
      if (gave === undefined) return;
      this.#options.onGaveWay?.(gave.name);
    }
  }

  #surplus({ name, ended, bytes }: LiveStream): number {
    return ended ? Number.MAX_VALUE : bytes - (this.#leastBytes.get(name) ?? 0);
  }

  [Symbol.dispose](): void {
    for (const timer of this.#forgetting.values()) clearTimeout(timer);
    for (const stream of this.#streams.values()) stream.end();
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
