/**
 * Fills: an object on its way in. There is one per name however many ask; it is read while it is written, each reader at its
 * own pace from the same bytes, so a slow one holds nobody back and costs no copy. A fill ends whole or fails in the open.
 */

import type { Cache } from './cache.ts';
import { type Patience, waitUntil } from './patience.ts';
import type { Stored } from './stored.ts';

/** Why nothing came. `absent`: the origin says so. `too-early`: it waited and it did not come. The rest is trouble, here or there. */
export type FillFailure = (typeof FILL_FAILURES)[number];

export const FILL_FAILURES = [
  'absent',
  'too-early',
  'unavailable',
  'too-large',
  'timeout',
  'abandoned',
  'overloaded',
] as const;

export type FillResult =
  { readonly ok: true; readonly stored: Stored } | { readonly ok: false; readonly reason: FillFailure };

/** Makes the object: appends to the fill as bytes come, and says how it ended. Stops when the fill's signal fires. */
export type Recipe = (fill: Fill) => Promise<FillResult>;

const FIRST_CAPACITY_BYTES = 64 * 1024;

interface FillOptions {
  /** no object is larger */
  readonly limitBytes: number;
  /** asks for so much more memory; false when there is none to be had */
  readonly reserve: (bytes: number) => boolean;
}

/** One object being filled. */
export class Fill {
  readonly #options: FillOptions;
  readonly #abort = new AbortController();
  readonly #watchers = new Set<() => void>();
  #buffer: Buffer = Buffer.alloc(0);
  #filledBytes = 0;
  #expectedBytes: number | null = null;
  #result: FillResult | null = null;

  constructor(options: FillOptions) {
    this.#options = options;
  }

  /** Fires when nobody wants it any more, or its time is up. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get filledBytes(): number {
    return this.#filledBytes;
  }

  /** The memory that it holds. */
  get heldBytes(): number {
    return this.#buffer.length;
  }

  /** The whole length, once it is known. */
  get expectedBytes(): number | null {
    return this.#expectedBytes;
  }

  /** How it ended; null while it runs. */
  get result(): FillResult | null {
    return this.#result;
  }

  /**
   * Says how long it will be, so that the bytes go straight to their place.
   * @returns false when that is more than an object may have, or than there is memory for: then the fill has failed
   */
  expect(bytes: number): boolean {
    if (bytes > this.#options.limitBytes) return false;
    this.#expectedBytes = bytes;
    return this.#buffer.length >= bytes || this.#grow(bytes);
  }

  /**
   * Takes in a copy of the bytes and wakes the readers.
   * @returns false as {@link expect} does
   */
  append(chunk: Uint8Array): boolean {
    const needed = this.#filledBytes + chunk.length;
    if (needed > this.#options.limitBytes) return false;
    const capacity = Math.max(needed, this.#buffer.length * 2, FIRST_CAPACITY_BYTES);
    if (needed > this.#buffer.length && !this.#grow(capacity)) return false;
    this.#buffer.set(chunk, this.#filledBytes);
    this.#filledBytes = needed;
    this.#wake();
    return true;
  }

  /** What is there from a byte on; a view, for as long as the reader needs it. */
  read(fromByte: number): Buffer {
    return this.#buffer.subarray(fromByte, this.#filledBytes);
  }

  /** All that came, as one buffer of exactly that size. */
  body(): Buffer {
    const whole = this.#buffer.subarray(0, this.#filledBytes);
    return this.#filledBytes === this.#buffer.length ? whole : Buffer.from(whole);
  }

  /** Ends it. What comes later is ignored. */
  settle(result: FillResult): void {
    if (this.#result !== null) return;
    this.#result = result;
    this.#wake();
    this.#watchers.clear();
  }

  /** Stops whoever fills it. */
  abort(reason: FillFailure): void {
    if (this.#result !== null) return;
    this.settle({ ok: false, reason });
    this.#abort.abort(new Error(`fill ${reason}`));
  }

  /** Calls back after each change, until {@link unwatch}. */
  watch(onChange: () => void): void {
    if (this.#result === null) this.#watchers.add(onChange);
  }

  /**
   * Leaves. When nobody is left a moment later the fill stops; the moment is for a reader that waited for the first bytes
   * and goes on to read.
   */
  unwatch(onChange: () => void): void {
    if (!this.#watchers.delete(onChange) || this.#watchers.size > 0) return;
    setImmediate(() => {
      if (this.#watchers.size === 0) this.abort('abandoned');
    });
  }

  /** The end of it, or `timeout` for this reader alone when it has no more patience. */
  async whole(patience: Patience): Promise<FillResult> {
    await this.#until(() => this.#result !== null, patience);
    return this.#result ?? { ok: false, reason: 'timeout' };
  }

  /** Waits for the first bytes or the end; false when neither comes in time. */
  begun(patience: Patience): Promise<boolean> {
    return this.#until(() => this.#result !== null || this.#filledBytes > 0, patience);
  }

  #until(holds: () => boolean, patience: Patience): Promise<boolean> {
    return waitUntil(holds, patience, (check) => {
      this.watch(check);
      return () => this.unwatch(check);
    });
  }

  #wake(): void {
    for (const watcher of this.#watchers) watcher();
  }

  #grow(capacity: number): boolean {
    const bytes = Math.min(capacity, this.#options.limitBytes);
    if (this.#result !== null || !this.#options.reserve(bytes - this.#buffer.length)) {
      this.abort('overloaded');
      return false;
    }
    const larger = Buffer.allocUnsafeSlow(bytes);
    this.#buffer.copy(larger, 0, 0, this.#filledBytes);
    this.#buffer = larger;
    return true;
  }
}

interface FillsOptions {
  readonly cache: Cache;
  readonly events: FillEvents;
  /** at most this many at once */
  readonly limit: number;
  /** memory of all under way together */
  readonly limitBytes: number;
  /** no object is larger */
  readonly objectLimitBytes: number;
  /** a fill that takes longer fails: nobody is left hanging */
  readonly deadlineMs: number;
}

/** What the fills tell of themselves. */
interface FillEvents {
  fillStarted(): void;
  fillJoined(): void;
  fillEnded(key: string, result: FillResult): void;
  recipeThrew(key: string, error: unknown): void;
}

/** The fills under way: one per name, bounded in number. */
export class Fills {
  readonly #options: FillsOptions;
  readonly #byKey = new Map<string, Fill>();
  readonly #disowned = new WeakSet<Fill>();
  /** recipes at work, those of aborted fills among them */
  #running = 0;
  #heldBytes = 0;

  constructor(options: FillsOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#running;
  }

  /** The memory of all under way. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /**
   * Joins the fill of that name, or starts it with the recipe; null when there are too many. An aborted fill is joined by
   * nobody, though its recipe may not have come to its end yet: who asks next is not told that the last reader left.
   */
  joinOrStart(key: string, recipe: Recipe): { readonly fill: Fill; readonly joined: boolean } | null {
    const running = this.#byKey.get(key);
    if (running !== undefined && running.result === null) {
      this.#options.events.fillJoined();
      return { fill: running, joined: true };
    }
    if (this.#running >= this.#options.limit) return null;
    const fill = new Fill({
      limitBytes: this.#options.objectLimitBytes,
      reserve: (bytes) => this.#reserve(bytes),
    });
    this.#byKey.set(key, fill);
    void this.#run(key, fill, recipe);
    return { fill, joined: false };
  }

  /** Those under way of matching names are joined by nobody from now on, and not stored; their readers get what they asked for. */
  disown(matches: (key: string) => boolean): void {
    for (const [key, fill] of this.#byKey) {
      if (!matches(key)) continue;
      this.#byKey.delete(key);
      this.#disowned.add(fill);
    }
  }

  /** Stops all of them. */
  abortAll(): void {
    for (const fill of this.#byKey.values()) fill.abort('abandoned');
  }

  #reserve(bytes: number): boolean {
    if (this.#heldBytes + bytes > this.#options.limitBytes) return false;
    this.#heldBytes += bytes;
    return true;
  }

  async #run(key: string, fill: Fill, recipe: Recipe): Promise<void> {
    const { cache, events, deadlineMs } = this.#options;
    this.#running += 1;
    events.fillStarted();
    const timer = setTimeout(() => fill.abort('timeout'), deadlineMs);
    const ended = await recipe(fill).catch((error: unknown): FillResult => {
      events.recipeThrew(key, error);
      return { ok: false, reason: 'unavailable' };
    });
    clearTimeout(timer);
    const result = fill.result ?? ended;
    if (result.ok && !this.#disowned.has(fill)) cache.set(key, result.stored);
    this.#running -= 1;
    this.#heldBytes -= fill.heldBytes;
    if (this.#byKey.get(key) === fill) this.#byKey.delete(key);
    fill.settle(result);
    events.fillEnded(key, result);
  }
}
