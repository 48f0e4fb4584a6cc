/**
 * A store for what only the leader may write. A leader that was paused, or cut off, may believe for a while that it still leads:
 * each step names the fence of its leadership, and one of a newer leader's stands in the way.
 */

import type { FeedPage } from '@headwater/protocol/feed';
import type { Fence, Leadership } from '../registry/registry.ts';
import type { Collection, Document, Facts, Outcome, Page, Step, Store } from './store.ts';

const FENCE = { collection: 'fence', id: 'leader' } as const;

/** This replica does not lead, or not any more. */
export class Deposed extends Error {
  override readonly name = 'Deposed';
}

/** Reads as `store` does; its commits throw {@link Deposed} unless this replica leads. */
export class FencedStore implements Store {
  readonly #store: Store;
  readonly #leadership: () => Leadership;

  constructor(store: Store, leadership: () => Leadership) {
    this.#store = store;
    this.#leadership = leadership;
  }

  async commit(step: Step): Promise<Outcome> {
    const { fence } = this.#leadership();
    if (fence === null) throw new Deposed('this replica does not lead');
    const there = await this.#store.get(FENCE.collection, FENCE.id);
    const newest = (there?.body ?? null) as Fence | null;
    if (newest?.scope === fence.scope && newest.index > fence.index) throw new Deposed('another replica leads');
    const passed = { ...FENCE, expect: there?.revision ?? 0, body: fence };
    return this.#store.commit({ ...step, changes: [...step.changes, passed] });
  }

  get(collection: Collection, id: string): Promise<Document | null> {
    return this.#store.get(collection, id);
  }

  list(collection: Collection, page?: Page): Promise<readonly Document[]> {
    return this.#store.list(collection, page);
  }

  count(collection: Collection): Promise<number> {
    return this.#store.count(collection);
  }

  head(): Promise<string> {
    return this.#store.head();
  }

  changesSince(cursor: string, limit: number): Promise<FeedPage | null> {
    return this.#store.changesSince(cursor, limit);
  }

  onGrowth(listener: () => void): () => void {
    return this.#store.onGrowth(listener);
  }

  share(topic: string, facts: Facts): Promise<void> {
    return this.#store.share(topic, facts);
  }

  shared(topic: string): Promise<ReadonlyMap<string, string>> {
    return this.#store.shared(topic);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The store beneath is the caller's.
  }
}
