/**
 * The feed: the state's log and this replica's view of the fleet, as pages for long-polls. A cursor is the log's cursor and,
 * for the fleet, which no log keeps, this process's boot and a tick: who comes from another replica gets every node anew.
 */

import type { FeedMessage, FeedPage } from '@headwater/protocol/feed';
import type { NodeRole } from '@headwater/protocol/node';
import type { Fleet } from './fleet.ts';
import { StoreUnavailable } from './state/store.ts';
import type { State } from './state/state.ts';

/** A poll with no news is answered after this time. */
export const FEED_WAIT_MS = 20_000;
/** A page of changes holds at most as many messages. */
const PAGE_LIMIT = 1_000;
/** Only geo ranks by load; the others would wake for nothing. */
const READS_LOADS: NodeRole = 'geo';

interface FeedOptions {
  readonly state: State;
  readonly fleet: Fleet;
  readonly waitMs: number;
  readonly waiterLimit: number;
}

/** One poll. */
export interface FeedPoll {
  readonly node: string;
  readonly role: NodeRole;
  readonly cursor: string | null;
  /** the node hung up, or the control plane ends */
  readonly signal: AbortSignal;
}

interface Waiter {
  readonly role: NodeRole;
  readonly wake: () => void;
}

export class Feed {
  readonly #options: FeedOptions;
  readonly #waiters = new Map<string, Waiter>();
  readonly #unsubscribe: readonly (() => void)[];

  constructor(options: FeedOptions) {
    this.#options = options;
    this.#unsubscribe = [
      options.state.onGrowth(() => this.#wake(() => true)),
      options.fleet.onChange((onlyLoads) => this.#wake(({ role }) => !onlyLoads || role === READS_LOADS)),
    ];
  }

  get waiting(): number {
    return this.#waiters.size;
  }

  /** The next page for a node: at once when there is news, else when there is, else an empty one after the wait. */
  async next(poll: FeedPoll): Promise<FeedPage | 'too_many_waiters'> {
    // A node polls once at a time: its former poll is one that it has given up.
    const former = this.#waiters.get(poll.node);
    if (former === undefined && this.#waiters.size >= this.#options.waiterLimit) return 'too_many_waiters';
    former?.wake();
    const { promise: news, resolve } = Promise.withResolvers<void>();
    const wake = () => resolve();
    const waiter: Waiter = { role: poll.role, wake };
    // Waiting begins before the look, so that nothing falls between the two.
    this.#waiters.set(poll.node, waiter);
    const timer = setTimeout(wake, this.#options.waitMs);
    poll.signal.addEventListener('abort', wake, { once: true });
    try {
      const page = await this.#page(poll);
      if (page.snapshot || page.messages.length > 0 || poll.signal.aborted) return page;
      await news;
      return await this.#page(poll);
    } finally {
      clearTimeout(timer);
      poll.signal.removeEventListener('abort', wake);
      if (this.#waiters.get(poll.node) === waiter) this.#waiters.delete(poll.node);
    }
  }

  /** Answers those who wait. */
  close(): void {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#wake(() => true);
  }

  #wake(which: (waiter: Waiter) => boolean): void {
    for (const waiter of this.#waiters.values()) if (which(waiter)) waiter.wake();
  }

  async #page(poll: FeedPoll): Promise<FeedPage> {
    const { fleet } = this.#options;
    const [logCursor = '', boot, tickText] = (poll.cursor ?? '').split('~');
    // Read before the log, so that a change between the two comes again; none is missed.
    const { tick } = fleet;
    const page = await this.#logPage(logCursor);
    const isOurs = !page.snapshot && boot === fleet.boot && /^\d{1,15}$/.test(tickText ?? '');
    const records = fleet.recordsSince(isOurs ? Number(tickText) : -1, poll.role === READS_LOADS);
    const nodes = records.map((node): FeedMessage => ({ type: 'node', node }));
    return { ...page, cursor: `${page.cursor}~${fleet.boot}~${tick}`, messages: [...page.messages, ...nodes] };
  }

  /** While the store is away there is no news of what it holds; what the fleet does is told all the same. */
  async #logPage(cursor: string): Promise<FeedPage> {
    const { state } = this.#options;
    try {
      return (await state.changesSince(cursor, PAGE_LIMIT)) ?? (await state.snapshot());
    } catch (error) {
      if (!(error instanceof StoreUnavailable) || cursor === '') throw error;
      return { cursor, snapshot: false, messages: [] };
    }
  }
}
