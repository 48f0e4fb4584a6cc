/**
 * What the edge has of the pull zones: the stored entries behind the tiers, what is on its way in, and the bodies that are
 * read. An object that a hard purge was of is not found, wherever it stands.
 */

import { randomUUID } from 'node:crypto';
import type { RequestHead } from '../http-cache/request-head.ts';
import type { StoredHead } from '../http-cache/stored-head.ts';
import { selectVariant } from '../http-cache/vary.ts';
import type { Ask } from './ask.ts';
import { Body, type SliceStore } from './body.ts';
import { type Candidate, type Hold, ofVariant } from './candidate.ts';
import { type Keeping, SLICE_BYTES, type SliceExtent } from '../tiers/tier-entry.ts';
import type { Entry, PurgeMark, Variant } from './entry.ts';
import type { MemoryBudget } from './memory-budget.ts';
import type { PurgeRules } from './purge-rules.ts';
import { STALLED_FILLS, StalledFills } from './stalled-fills.ts';

/** The tiers: at once from RAM, later from disk. */
interface ObjectStore extends Pick<SliceStore, 'slice'> {
  entry(key: string): Entry | undefined | Promise<Entry | undefined>;
  putEntry(entry: Entry, keeping: Keeping): void;
  putSlice(variantId: string, index: number, extent: SliceExtent, keeping: Keeping): void;
  dropEntry(key: string): void;
}

/** Brings a stretch of an object into its body again. */
export type Refetch = (body: Body, stretch: { readonly first: number; readonly end: number }) => void;

interface ShelfOptions {
  readonly store: ObjectStore;
  /** another worker of this node has what the node has under a key */
  readonly isElsewhere: (key: string) => boolean;
  readonly purges: PurgeRules;
  readonly budget: MemoryBudget;
  /** of one body at most; what is longer must be fetchable by ranges to be stored */
  readonly pinLimitBytes: number;
  /** a fill that nobody reads any more must be over by then */
  readonly aloneMs: number;
}

/** An object of which the head has come. */
export interface NewObject {
  /** of the stored variant that it is part of, where it is part of one */
  readonly id: string | null;
  readonly head: StoredHead;
  readonly tags: readonly string[];
  readonly purge: PurgeMark;
  readonly lengthBytes: number | null;
  /** null where bytes of two fetches must not be put together */
  readonly refetch: Refetch | null;
  /** its upstream has shown that it gives ranges */
  readonly hasRanges: boolean;
}

type BodyOf = Pick<NewObject, 'lengthBytes' | 'refetch' | 'hasRanges'> & { readonly id: string };

/** A candidate on its way in. */
export interface Growing extends Candidate {
  readonly body: Body;
  readonly variant: null;
}

/** Stored under one key at most: a request field that nobody bounds must not fill the cache with one object. */
const VARIANT_LIMIT = 32;

type Named = Pick<Ask, 'key' | 'host' | 'name'>;

export class Shelf {
  readonly #options: ShelfOptions;
  readonly #growing = new Map<string, Set<Growing>>();
  readonly #bodies = new Map<string, Body>();
  readonly #questions = new Map<string, Set<PurgeMark>>();
  readonly #edits = new Map<string, Promise<void>>();
  readonly #stalled = new StalledFills(STALLED_FILLS);

  constructor(options: ShelfOptions) {
    this.#options = options;
  }

  /** Bodies that are read or filled. */
  get openBodies(): number {
    return this.#bodies.size;
  }

  /** Whether another worker of this node has what the node has under a key. */
  isElsewhere(key: string): boolean {
    return this.#options.isElsewhere(key);
  }

  /** Everything under a key that no hard purge was of. */
  candidates(named: Named): readonly Candidate[] | Promise<readonly Candidate[]> {
    const entry = this.#options.store.entry(named.key);
    const judge = (stored: Entry | undefined): readonly Candidate[] =>
      [...(this.#growing.get(named.key) ?? []), ...(stored?.variants ?? []).map(ofVariant)].filter(
        (candidate) => !this.#isGone(named, candidate),
      );
    return entry instanceof Promise ? entry.then(judge) : judge(entry);
  }

  /** A question to an upstream begins: a mark for what it will bring. It must be {@link closeQuestion}d. */
  openQuestion({ key }: Named): PurgeMark {
    const { seq } = this.#options.purges;
    const mark = { seq, checkedSeq: seq, isStale: false, isVoid: false };
    const open = this.#questions.get(key) ?? new Set();
    this.#questions.set(key, open.add(mark));
    return mark;
  }

  /** Whether nothing was purged or invalidated since that could be of what it brings: its tags are not known yet. */
  isCurrent({ seq, isVoid }: PurgeMark): boolean {
    return !isVoid && seq === this.#options.purges.seq;
  }

  /** Its answer is known for what it is. */
  closeQuestion({ key }: Named, mark: PurgeMark): void {
    const open = this.#questions.get(key);
    open?.delete(mark);
    if (open?.size === 0) this.#questions.delete(key);
  }

  /**
   * Takes the body of a candidate in hand.
   * @param refetch null where the bytes of two fetches must not be put together
   * @returns null when it is not whole any more and cannot be made so
   */
  open({ key }: Named, candidate: Candidate, refetch: Refetch | null): Hold | null | Promise<Hold | null> {
    const { body, variant } = candidate;
    // Null when it has failed; idle when it is over, and on its way to the store.
    if (body !== null) return body.hasFailed || !this.#isOpen(body) ? null : { body, reader: body.enter(0) };
    if (variant === null) return null;
    if (variant.lengthBytes === 0) return { bytes: Buffer.alloc(0) };
    if (variant.lengthBytes > SLICE_BYTES) return this.#openBody(key, variant, refetch);
    const stored = this.#options.store.slice(variant.id, 0);
    const judge = (extent: Awaited<typeof stored>): Hold | null | Promise<Hold | null> =>
      extent?.offset === 0 && extent.bytes.length === variant.lengthBytes
        ? { bytes: extent.bytes }
        : this.#openBody(key, variant, refetch);
    return stored instanceof Promise ? stored.then(judge) : judge(stored);
  }

  /** A new object begins to come in; whoever asks from now on finds it. */
  grow({ key }: Named, object: NewObject): Growing {
    const { head, tags, purge } = object;
    const body = this.#newBody(key, { ...object, id: object.id ?? randomUUID() });
    const growing: Growing = { head, tags, purge, variant: null, body };
    const siblings = this.#growing.get(key) ?? new Set();
    this.#growing.set(key, siblings.add(growing));
    return growing;
  }

  /** The first run of a growing object is over: what is whole, or can be made so, is stored in the place of what it replaces. */
  async settle(
    named: Named,
    growing: Growing,
    ended: { readonly request: RequestHead; readonly isWhole: boolean },
  ): Promise<void> {
    const { body, head, tags, purge } = growing;
    const { lengthBytes } = body;
    if (body.isStored && lengthBytes !== null && ended.isWhole) {
      const variant: Variant = { id: body.id, head, lengthBytes, tags, purge };
      await this.#edit(named, (variants) => {
        // Looked at again at the last moment: what was disowned or purged meanwhile must not come back, nor take the place of
        // what was asked for later and came sooner.
        if (!body.isStored || this.#isGone(named, growing)) return variants;
        const replaced = variants.filter((old) => isReplaced(old, body.id, ended.request));
        const isOutdone = replaced.some((old) => old.id !== body.id && isLater(old, variant));
        const left = variants.filter((old) => !replaced.includes(old) || (isOutdone && isLater(old, variant)));
        return isOutdone ? left : [variant, ...left];
      });
    }
    const siblings = this.#growing.get(named.key);
    siblings?.delete(growing);
    if (siblings?.size === 0) this.#growing.delete(named.key);
  }

  /**
   * The origin has confirmed a stored response: it has a new head, and stands after the purges up to the question. One that was
   * asked behind a later purge and came sooner has a newer head already.
   */
  confirm(named: Named, { id, head, tags, purge }: Omit<Variant, 'lengthBytes'>): Promise<void> {
    return this.#edit(named, (variants) =>
      purge.isVoid
        ? variants
        : variants.map((stored) =>
            stored.id === id && stored.purge.seq <= purge.seq ? { ...stored, head, tags, purge } : stored,
          ),
    );
  }

  /** A stored response is not to be used any more. */
  forget(named: Named, gone: Pick<Variant, 'id'>): Promise<void> {
    return this.#edit(named, (variants) => variants.filter(({ id }) => id !== gone.id));
  }

  /** Nothing under a key is to be used any more, what is on its way in included (RFC 9111 §4.4). */
  invalidate(named: Named): Promise<void> {
    for (const mark of this.#questions.get(named.key) ?? []) mark.isVoid = true;
    for (const { purge } of this.#growing.get(named.key) ?? []) purge.isVoid = true;
    return this.#edit(named, () => []);
  }

  async #openBody(key: string, variant: Variant, refetch: Refetch | null): Promise<Hold | null> {
    const open = this.#bodies.get(variant.id);
    const isOpen = open !== undefined && !open.hasFailed;
    const body = isOpen ? open : this.#newBody(key, { ...variant, refetch, hasRanges: true });
    const reader = body.enter(0);
    if (refetch !== null || (await body.load())) return { body, reader };
    body.leave(reader);
    return null;
  }

  #newBody(key: string, { id, lengthBytes, refetch, hasRanges }: BodyOf): Body {
    const { store, budget, pinLimitBytes, aloneMs } = this.#options;
    const body = new Body({
      id,
      lengthBytes,
      store: {
        slice: (of, index) => store.slice(of, index),
        putSlice: (of, index, extent) => store.putSlice(of, index, extent, this.#keepingOf(key)),
      },
      budget,
      pinLimitBytes,
      aloneMs,
      isStored: true,
      refetch: refetch === null ? null : (into, first, end) => refetch(into, { first, end }),
      hasRanges: hasRanges && refetch !== null,
      stalled: this.#stalled,
      onIdle: (idle) => {
        if (this.#bodies.get(id) === idle) this.#bodies.delete(id);
      },
    });
    this.#bodies.set(id, body);
    return body;
  }

  /** What its owner has on disk is not written a second time: who owns nothing of it asks the owner again. */
  #keepingOf(key: string): Keeping {
    return this.isElsewhere(key) ? 'ram' : 'tiers';
  }

  #isOpen(body: Body): boolean {
    return this.#bodies.get(body.id) === body;
  }

  #isGone({ host, name }: Named, { tags, purge }: Pick<Candidate, 'tags' | 'purge'>): boolean {
    return purge.isVoid || this.#options.purges.judge({ host, path: name, tags, mark: purge }) === 'gone';
  }

  /** Changes what is stored under a key; one change after another, so that none undoes another. */
  #edit(named: Named, change: (variants: readonly Variant[]) => readonly Variant[]): Promise<void> {
    const { store } = this.#options;
    const { key, host, name } = named;
    const apply = async (): Promise<void> => {
      const entry = await store.entry(key);
      const variants = change(entry?.variants ?? []).slice(0, VARIANT_LIMIT);
      const seq = Math.min(...variants.map(({ purge }) => purge.seq));
      if (variants.length > 0) store.putEntry({ key, host, name, seq, variants }, this.#keepingOf(key));
      else if (entry !== undefined) store.dropEntry(key);
    };
    const done = (this.#edits.get(key) ?? Promise.resolve()).then(apply).finally(() => {
      if (this.#edits.get(key) === done) this.#edits.delete(key);
    });
    this.#edits.set(key, done);
    return done;
  }
}

/** A newer response takes the place of those that the same request would have chosen. */
function isReplaced(old: Variant, id: string, request: RequestHead): boolean {
  return old.id === id || selectVariant([old], request) !== undefined;
}

interface WhenAsked {
  readonly head: Pick<StoredHead, 'requestMs'>;
  readonly purge: Pick<PurgeMark, 'seq'>;
}

/** Whether one was asked for after the other: between them lies a purge, or time. */
export function isLater(one: WhenAsked, other: WhenAsked): boolean {
  return one.purge.seq > other.purge.seq || one.head.requestMs > other.head.requestMs;
}
