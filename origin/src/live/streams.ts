/** The streams that this origin can serve: those on air, and those that ended a moment ago. */

import { LiveStream, type LiveStreamOptions } from './stream.ts';

/** An ended stream stays readable for players that are still finishing it. */
export const ENDED_KEPT_MS = 60_000;
/** Above this the one that ended first is forgotten at once. */
export const MAX_ENDED = 100;

export class LiveStreams implements Disposable {
  readonly #make: (name: string) => LiveStreamOptions;
  readonly #streams = new Map<string, LiveStream>();
  readonly #forgetting = new Map<string, NodeJS.Timeout>();

  /** @param make a stream's options by its name */
  constructor(make: (name: string) => LiveStreamOptions) {
    this.#make = make;
  }

  get(name: string): LiveStream | undefined {
    return this.#streams.get(name);
  }

  values(): IterableIterator<LiveStream> {
    return this.#streams.values();
  }

  /** The stream of that name, as it was left or new. */
  open(name: string): LiveStream {
    clearTimeout(this.#forgetting.get(name));
    this.#forgetting.delete(name);
    const stream = this.#streams.get(name) ?? new LiveStream(this.#make(name));
    this.#streams.set(name, stream);
    return stream;
  }

  /** Nobody publishes it any more. */
  end(name: string): void {
    const stream = this.#streams.get(name);
    if (stream === undefined || this.#forgetting.has(name)) return;
    stream.end();
    this.#forgetting.set(name, setTimeout(() => this.#forget(name), ENDED_KEPT_MS).unref());
    const oldest = this.#forgetting.keys().next().value;
    if (this.#forgetting.size > MAX_ENDED && oldest !== undefined) this.#forget(oldest);
  }

  #forget(name: string): void {
    clearTimeout(this.#forgetting.get(name));
    this.#forgetting.delete(name);
    this.#streams.delete(name);
  }

  [Symbol.dispose](): void {
    for (const timer of this.#forgetting.values()) clearTimeout(timer);
    for (const stream of this.#streams.values()) stream.end();
  }
}
