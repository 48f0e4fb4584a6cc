/**
 * The RAM tier: values by name, bounded by bytes. What comes in waits in a window; what falls out of it is let into the main
 * part only if it was asked for more often, byte for byte, than what would have to go (W-TinyLFU). A scan passes through the
 * window and leaves the rest as it was. Each part is an lru-cache; the main part has two, so that what was asked for again
 * outlives what was let in last.
 */

import { LRUCache } from 'lru-cache';
import { FrequencySketch } from './admission.ts';
import { SLICE_BYTES } from './tier-entry.ts';

/** What is new is here for a while whatever else is popular: a live segment is young when it is wanted most. */
const WINDOW_SHARE = 0.2;
/** of the main part: what was asked for again since it was let in */
const PROTECTED_SHARE = 0.8;
/** The window holds at least two slices, but no more than half of all. */
const LEAST_WINDOW_BYTES = 2 * (SLICE_BYTES + 4_096);
/** One name for so many bytes of the limit is told apart from others by the sketch. */
const BYTES_PER_NAME = 16_384;
/** A sum over victims of less than this share of the candidate is no sample yet. */
const SAMPLE_SHARE = 0.25;

interface Held<V> {
  readonly value: V;
  readonly bytes: number;
  readonly hash: number;
}

type Part<V> = LRUCache<string, Held<V>>;

/** Not let in, or there is no room at all; let in once, and outdone; asked for. */
export type WhyDropped = 'refused' | 'evicted' | 'deleted';

interface RamOptions<V> {
  /** what it may hold at any time */
  readonly mostBytes: number;
  /** what it may hold now, at most `mostBytes` */
  readonly limitBytes: () => number;
  /** called with what it has no more, but for what was put in another's place */
  readonly onDropped: (value: V, why: WhyDropped) => void;
}

export class RamTier<V extends object> {
  readonly #options: RamOptions<V>;
  readonly #window: Part<V>;
  readonly #probation: Part<V>;
  readonly #protected: Part<V>;
  readonly #sketch: FrequencySketch;
  #refused = 0;
  #evicted = 0;

  constructor(options: RamOptions<V>) {
    this.#options = options;
    const part = (): Part<V> => new LRUCache({ maxSize: options.mostBytes, sizeCalculation: ({ bytes }) => bytes });
    this.#window = part();
    this.#probation = part();
    this.#protected = part();
    this.#sketch = new FrequencySketch(options.mostBytes / BYTES_PER_NAME);
  }

  get bytes(): number {
    return this.#window.calculatedSize + this.#probation.calculatedSize + this.#protected.calculatedSize;
  }

  get count(): number {
    return this.#window.size + this.#probation.size + this.#protected.size;
  }

  /** what came out of the window and was not let in */
  get refused(): number {
    return this.#refused;
  }

  /** what was let in once and had to go for others */
  get evicted(): number {
    return this.#evicted;
  }

  /** Looks a value up, which counts as a use of its hash. */
  get(name: string, hash: number): V | undefined {
    this.#sketch.observe(hash, this.count);
    const held = this.#protected.get(name) ?? this.#window.get(name);
    if (held !== undefined) return held.value;
    const tried = this.#probation.peek(name);
    if (tried === undefined) return undefined;
    this.#protect(name, tried);
    return tried.value;
  }

  /** The value, with no trace left of the look-up. */
  peek(name: string): V | undefined {
    return this.#partOf(name)?.peek(name)?.value;
  }

  /** Holds a value in the place of what had its name. One for which there can be no room is dropped at once. */
  put(name: string, value: V, { bytes, hash }: { readonly bytes: number; readonly hash: number }): void {
    const part = this.#partOf(name) ?? this.#window;
    if (bytes > Math.max(this.#mainLimit(), this.#windowLimit())) {
      part.delete(name);
      this.#refused += 1;
      this.#options.onDropped(value, 'refused');
      return;
    }
    part.set(name, { value, bytes, hash });
    this.trim();
  }

  delete(name: string): boolean {
    const part = this.#partOf(name);
    const held = part?.peek(name);
    if (part === undefined || held === undefined) return false;
    part.delete(name);
    this.#options.onDropped(held.value, 'deleted');
    return true;
  }

  /** Every name that is there now, in no order. */
  names(): readonly string[] {
    return [this.#window, this.#probation, this.#protected].flatMap((part) => [...part.keys()]);
  }

  /** Comes down to the limit, which may have become lower. */
  trim(): void {
    while (this.#window.calculatedSize > this.#windowLimit()) {
      const oldest = eldest(this.#window);
      if (oldest === undefined) break;
      this.#window.delete(oldest.name);
      if (this.#admits(oldest.held)) this.#probation.set(oldest.name, oldest.held);
      else {
        this.#refused += 1;
        this.#options.onDropped(oldest.held.value, 'refused');
      }
    }
    while (this.#mainBytes() > this.#mainLimit()) {
      const part = this.#probation.size > 0 ? this.#probation : this.#protected;
      const oldest = eldest(part);
      if (oldest === undefined) break;
      this.#evict(part, oldest.name, oldest.held);
    }
  }

  #partOf(name: string): Part<V> | undefined {
    return [this.#protected, this.#window, this.#probation].find((part) => part.has(name));
  }

  /** Makes room for a candidate if it is worth more than what goes for it. */
  #admits(candidate: Held<V>): boolean {
    let missing = this.#mainBytes() + candidate.bytes - this.#mainLimit();
    if (candidate.bytes > this.#mainLimit()) return false;
    const victims: (readonly [Part<V>, string, Held<V>])[] = [];
    const frequency = this.#sketch.frequency(candidate.hash);
    let bytes = 0;
    let uses = 0;
    for (const [part, name, victim] of this.#fromTheEnd()) {
      if (missing <= 0) break;
      // Uses are weighed by bytes: a megabyte does not have to outdo the sum of five hundred thumbnails.
      bytes += victim.bytes;
      uses += this.#sketch.frequency(victim.hash) * victim.bytes;
      if (uses >= frequency * Math.max(bytes, SAMPLE_SHARE * candidate.bytes)) return false;
      missing -= victim.bytes;
      victims.push([part, name, victim]);
    }
    for (const victim of victims) this.#evict(...victim);
    return true;
  }

  *#fromTheEnd(): Generator<readonly [Part<V>, string, Held<V>]> {
    for (const part of [this.#probation, this.#protected]) {
      for (const { name, held } of eldestFirst(part)) yield [part, name, held];
    }
  }

  #protect(name: string, held: Held<V>): void {
    this.#probation.delete(name);
    this.#protected.set(name, held);
    const limit = this.#mainLimit() * PROTECTED_SHARE;
    while (this.#protected.calculatedSize > limit) {
      const oldest = eldest(this.#protected);
      if (oldest === undefined) break;
      this.#protected.delete(oldest.name);
      this.#probation.set(oldest.name, oldest.held);
    }
  }

  #evict(part: Part<V>, name: string, { value }: Held<V>): void {
    // With the victim before it this one may have gone already.
    if (!part.delete(name)) return;
    this.#evicted += 1;
    this.#options.onDropped(value, 'evicted');
  }

  #mainBytes(): number {
    return this.#probation.calculatedSize + this.#protected.calculatedSize;
  }

  #windowLimit(): number {
    const limit = this.#options.limitBytes();
    return Math.min(Math.max(limit * WINDOW_SHARE, LEAST_WINDOW_BYTES), limit / 2);
  }

  #mainLimit(): number {
    return this.#options.limitBytes() - this.#windowLimit();
  }
}

function* eldestFirst<V>(part: Part<V>): Generator<{ readonly name: string; readonly held: Held<V> }> {
  for (const name of part.rkeys()) {
    const held = part.peek(name);
    if (held !== undefined) yield { name, held };
  }
}

function eldest<V>(part: Part<V>): { readonly name: string; readonly held: Held<V> } | undefined {
  for (const found of eldestFirst(part)) return found;
  return undefined;
}
