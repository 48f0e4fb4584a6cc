/**
 * The bytes of one object while somebody reads or fills it. Runs bring bytes in, each from its own place on; readers wait for
 * the byte that they want next and never for one another. What is here is pinned until the last reader and the last run are
 * gone, and beyond a limit the oldest goes first: a reader that is further behind finds it in the tiers, or has it fetched
 * again by its range where the validator is strong, or is cut.
 */

import type { FieldList } from '../http-cache/fields.ts';
import type { ProblemCode } from '@headwater/protocol/problem';
import type { Patience } from '../patience.ts';
import { SLICE_BYTES, type SliceExtent } from '../tiers/tier-entry.ts';
import type { GrowingExtent } from './growing-extent.ts';
import type { MemoryBudget } from './memory-budget.ts';
import { PinnedSlices } from './pinned-slices.ts';
import type { StalledFills } from './stalled-fills.ts';
import { Watchers } from './watchers.ts';

/** Where slices are kept. */
export interface SliceStore {
  slice(variantId: string, index: number): SliceExtent | undefined | Promise<SliceExtent | undefined>;
  putSlice(variantId: string, index: number, extent: SliceExtent): void;
}

/** One stretch that an upstream is bringing in. */
export interface Span {
  /** the next byte that comes */
  position: number;
  /** exclusive; null: to the end of the object, wherever that is */
  readonly end: number | null;
  /** an upstream has answered */
  readonly isOpen: boolean;
  /** lets a run that was told to wait go on */
  resume(): void;
  abort(): void;
  /** Ends it where it is: the body has let it go. */
  suspend(): void;
}

/** Somebody who reads, and how far they are. */
export interface Reader {
  position: number;
}

export type Arrival =
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  | { readonly kind: 'end' }
  | { readonly kind: 'failed'; readonly code: ProblemCode };

interface BodyOptions {
  readonly id: string;
  readonly lengthBytes: number | null;
  readonly store: SliceStore;
  readonly budget: MemoryBudget;
  /** pinned at most; an object that is longer is fetched no faster than its foremost reader reads */
  readonly pinLimitBytes: number;
  /** a fill that nobody reads must be over by then */
  readonly aloneMs: number;
  readonly isStored: boolean;
  /** has a stretch fetched again; null where bytes of two fetches must not be put together */
  readonly refetch: ((body: Body, first: number, end: number) => void) | null;
  /** a stretch costs its upstream no more than that */
  readonly hasRanges: boolean;
  readonly stalled: StalledFills;
  /** neither read nor filled any more */
  readonly onIdle: (body: Body) => void;
}

/** A reader waits for a run that will come to its byte if it is no further away than this; else a run of its own begins. */
const JOIN_WITHIN_BYTES = 4 * SLICE_BYTES;
/** What is longer than may be pinned is brought in so far before its foremost reader. */
const AHEAD_BYTES = 8 * SLICE_BYTES;

export class Body {
  readonly id: string;
  readonly #options: BodyOptions;
  readonly #pinned: PinnedSlices;
  readonly #runs = new Set<Span>();
  /** those that were told to wait for readers, and how they are let go */
  readonly #stalled = new Map<Span, { suspend(): void }>();
  readonly #readers = new Set<Reader>();
  readonly #watchers = new Watchers();
  #lengthBytes: number | null;
  #isStored: boolean;
  #holds = 0;
  #isLoading = false;
  #aloneTimer: NodeJS.Timeout | undefined;
  #failure: ProblemCode | null = null;
  #hasChanged = false;
  #trailers: FieldList = [];

  constructor(options: BodyOptions) {
    this.id = options.id;
    this.#options = options;
    this.#lengthBytes = options.lengthBytes;
    this.#isStored = options.isStored;
    this.#pinned = new PinnedSlices(options.budget);
    options.budget.enter(this);
  }

  /** The complete length; null while it is not known. */
  get lengthBytes(): number | null {
    return this.#lengthBytes;
  }

  /** Whether it may still become what the cache has. */
  get isStored(): boolean {
    return this.#isStored;
  }

  /** Whether a run has failed for good; who comes now needs another body. */
  get hasFailed(): boolean {
    return this.#failure !== null;
  }

  /** Whether an upstream has shown that there is another version by now. */
  get hasChanged(): boolean {
    return this.#hasChanged;
  }

  /** What came after the last byte. */
  get trailers(): FieldList {
    return this.#trailers;
  }

  /** Nothing of it is to be stored any more. */
  disown(): void {
    this.#isStored = false;
  }

  /** Keeps what is pinned until it is {@link release}d, without being a reader that it is brought in for. */
  hold(): void {
    this.#holds += 1;
  }

  release(): void {
    this.#holds -= 1;
    this.#settle();
  }

  /**
   * Others need the memory: all goes but the slices that are coming in. Who reads them later finds them in the tiers, or has them
   * fetched again. What can be had from nowhere stays while it comes in, unless it is its own readers that it waits for.
   */
  giveBack(): void {
    if (this.#isLoading) return;
    if (this.#options.refetch === null && this.#runs.size > 0) {
      if (this.#stalled.size < this.#runs.size) return;
      this.#isStored = false;
    }
    for (const span of this.#stalled.keys()) this.#suspend(span);
    const growing = new Set([...this.#runs].map(({ position }) => Math.floor(position / SLICE_BYTES)));
    for (const index of this.#pinned.indices) if (!growing.has(index)) this.#pinned.unpin(index);
  }

  begin(span: Span): void {
    this.#runs.add(span);
  }

  /**
   * Takes in a run's next bytes.
   * @returns `more`, `wait` until the span is resumed, or `full` when there is no memory
   */
  append(span: Span, chunk: Buffer): 'more' | 'wait' | 'full' {
    this.#goesOn(span);
    for (let taken = 0; taken < chunk.length;) {
      const index = Math.floor(span.position / SLICE_BYTES);
      const within = span.position - index * SLICE_BYTES;
      const piece = chunk.subarray(taken, taken + SLICE_BYTES - within);
      const extent = this.#extentAt(index, within, span.end);
      if (extent === null) return 'full';
      const known = Math.min(piece.length, extent.end - within);
      if (!this.#pinned.append(extent, piece.subarray(known))) return 'full';
      taken += piece.length;
      span.position += piece.length;
      if (extent.end === (this.#endOfSlice(index) ?? SLICE_BYTES)) this.#seal(index, extent);
    }
    this.#watchers.wake();
    if (!this.#isAhead(span)) return 'more';
    this.#stall(span);
    return 'wait';
  }

  /** A run has brought all it was to bring. One without a known end has found the object's. */
  end(span: Span, trailers: FieldList = []): void {
    this.#sealAt(span.position);
    if (span.end === null) {
      this.#lengthBytes ??= span.position;
      this.#trailers = trailers;
    }
    this.#leave(span);
  }

  /** A run could not go on. What it brought stands. */
  fail(span: Span, code: ProblemCode, hasChanged = false): void {
    if (this.#options.refetch !== null) this.#sealAt(span.position);
    this.#failure = code;
    this.#hasChanged ||= hasChanged;
    this.#leave(span);
  }

  /** Whoever waited for its head has entered by now, if they are still there. */
  awaited(): void {
    this.#goOnAlone();
  }

  /** A reader comes; it must {@link leave}. */
  enter(position: number): Reader {
    const reader = { position };
    this.#readers.add(reader);
    clearTimeout(this.#aloneTimer);
    return reader;
  }

  leave(reader: Reader): void {
    this.#readers.delete(reader);
    this.#goOnAlone();
    this.#settle();
  }

  /** A reader goes on from another place, or from where it is when it has taken bytes. */
  seek(reader: Reader, position: number): void {
    reader.position = position;
    for (const run of this.#runs) {
      if (this.#isAhead(run)) continue;
      this.#goesOn(run);
      run.resume();
    }
  }

  /** What is pinned from a byte on, within its slice; null when that byte is not. */
  read(position: number): Buffer | null {
    return this.#pinned.read(position);
  }

  /** Whether a byte is here, or an upstream has begun to bring it. */
  isAtHand(position: number): boolean {
    const open = [...this.#runs].filter(({ isOpen }) => isOpen);
    return this.read(position) !== null || this.#isComing(position, open);
  }

  /**
   * The bytes from a place on, as many as there are at once, as soon as there are any.
   * @param end the reader wants no byte from there on; null: all there are
   */
  async arrival(position: number, end: number | null, patience: Patience): Promise<Arrival> {
    for (let hasLooked = false; ;) {
      const pinned = this.read(position);
      if (pinned !== null) return { kind: 'bytes', bytes: pinned };
      if (this.#lengthBytes !== null && position >= this.#lengthBytes) return { kind: 'end' };
      if (!hasLooked) {
        hasLooked = true;
        const stored = await this.#stored(position);
        if (stored !== null) return { kind: 'bytes', bytes: stored };
        continue;
      }
      if (!this.#isComing(position)) {
        const { refetch } = this.#options;
        if (this.#failure !== null || refetch === null || this.#lengthBytes === null)
          return { kind: 'failed', code: this.#failure ?? 'upstream_failed' };
        refetch(this, position, Math.min(this.#lengthBytes, end ?? Infinity));
      }
      if (!(await this.#watchers.change(patience))) return { kind: 'failed', code: 'upstream_timeout' };
    }
  }

  /** Pins what the tiers have of it; false when a byte is missing. For bodies that cannot be fetched again. */
  async load(): Promise<boolean> {
    this.#isLoading = true;
    try {
      return await this.#loadAll();
    } finally {
      this.#isLoading = false;
    }
  }

  async #loadAll(): Promise<boolean> {
    for (let position = 0; position < (this.#lengthBytes ?? 0);) {
      const bytes = this.read(position) ?? (await this.#stored(position));
      if (bytes === null) return false;
      const index = Math.floor(position / SLICE_BYTES);
      if (this.#pinned.at(index) === undefined) {
        const extent = this.#extentAt(index, position - index * SLICE_BYTES, this.#lengthBytes);
        if (extent === null || !this.#pinned.append(extent, bytes)) return false;
      }
      position += bytes.length;
    }
    return true;
  }

  async #stored(position: number): Promise<Buffer | null> {
    const index = Math.floor(position / SLICE_BYTES);
    const extent = await this.#options.store.slice(this.id, index);
    if (extent === undefined) return null;
    const within = position - index * SLICE_BYTES - extent.offset;
    return within >= 0 && within < extent.bytes.length ? extent.bytes.subarray(within) : null;
  }

  /** @param stop what comes ends there; null: nobody knows */
  #extentAt(index: number, within: number, stop: number | null): GrowingExtent | null {
    const end = this.#endOfSlice(index);
    const expected = end === null ? null : Math.min(end, (stop ?? Infinity) - index * SLICE_BYTES) - within;
    return this.#pinned.extentAt(index, within, expected);
  }

  /** Where a slice ends, from its own start; null while the object's end is not known. */
  #endOfSlice(index: number): number | null {
    if (this.#lengthBytes === null) return null;
    return Math.min(SLICE_BYTES, this.#lengthBytes - index * SLICE_BYTES);
  }

  #sealAt(position: number): void {
    const index = Math.floor(Math.max(0, position - 1) / SLICE_BYTES);
    const extent = this.#pinned.at(index);
    if (extent !== undefined) this.#seal(index, extent);
  }

  #seal(index: number, extent: GrowingExtent): void {
    if (this.#isStored) this.#options.store.putSlice(this.id, index, extent.whole());
    for (const oldest of this.#pinned.indices) {
      if (this.#pinned.heldBytes <= this.#options.pinLimitBytes || oldest === index) return;
      // What cannot be fetched again must be whole to be stored.
      if (this.#options.refetch === null) this.#isStored = false;
      this.#pinned.unpin(oldest);
    }
  }

  /** A run waits for readers from now on. */
  #stall(span: Span): void {
    const fill = { suspend: () => this.#suspend(span) };
    this.#stalled.set(span, fill);
    if (this.#options.hasRanges) this.#options.stalled.enter(fill);
  }

  #goesOn(span: Span): void {
    const fill = this.#stalled.get(span);
    if (fill === undefined) return;
    this.#stalled.delete(span);
    this.#options.stalled.leave(fill);
  }

  /** A run that waits for readers ends where it is. They have the rest brought when they want it, or are cut off then. */
  #suspend(span: Span): void {
    if (this.#options.refetch === null) this.#failure = 'upstream_failed';
    this.#pinned.unpin(Math.floor(span.position / SLICE_BYTES));
    span.suspend();
    this.#leave(span);
  }

  /** Where nobody reads, what is short enough is brought in for those who come next, within a time. */
  #goOnAlone(): void {
    clearTimeout(this.#aloneTimer);
    if (this.#readers.size > 0 || this.#runs.size === 0) return;
    const stop = (): void => {
      for (const run of this.#runs) run.abort();
    };
    if (this.#isLong()) return stop();
    this.#aloneTimer = setTimeout(stop, this.#options.aloneMs).unref();
  }

  #isLong(): boolean {
    const brought = Math.max(0, ...[...this.#runs].map(({ position }) => position));
    return (this.#lengthBytes ?? brought) > this.#options.pinLimitBytes;
  }

  /** Whether a run is so far in front of everybody that it must wait. */
  #isAhead(span: Span): boolean {
    if (!this.#isLong()) return false;
    const foremost = Math.max(0, ...[...this.#readers].map(({ position }) => position));
    return span.position - foremost > Math.min(AHEAD_BYTES, this.#options.pinLimitBytes / 2);
  }

  #isComing(position: number, runs: Iterable<Span> = this.#runs): boolean {
    for (const run of runs) {
      const isWithin = position >= run.position && (run.end === null || position < run.end);
      const isOnly = this.#options.refetch === null;
      if (isWithin && (isOnly || position - run.position <= JOIN_WITHIN_BYTES)) return true;
    }
    return false;
  }

  #leave(span: Span): void {
    this.#goesOn(span);
    this.#runs.delete(span);
    this.#watchers.wake();
    this.#settle();
  }

  #settle(): void {
    if (this.#runs.size > 0 || this.#readers.size > 0 || this.#holds > 0) return;
    clearTimeout(this.#aloneTimer);
    for (const index of this.#pinned.indices) this.#pinned.unpin(index);
    this.#options.budget.leave(this);
    this.#options.onIdle(this);
  }
}
