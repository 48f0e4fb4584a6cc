/**
 * The feed: the state's log and this replica's view of the fleet, as pages for long-polls. A cursor is the log's, which every
 * replica understands, and for the fleet, which no log keeps, this process's boot and a tick: who comes from another replica
 * gets every node anew.
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
  isOver: boolean;
  wake: () => void;
}

export class Feed {
  readonly #options: FeedOptions;
  readonly #waiters = new Map<string, Waiter>();
  /** being read: all who wait wake together, and most of them ask the same */
  readonly #pages = new Map<string, Promise<FeedPage>>();
  readonly #texts = new WeakMap<FeedPage, string>();
  readonly #unsubscribe: readonly (() => void)[];

  constructor(options: FeedOptions) {
    this.#options = options;
    this.#unsubscribe = [
      options.state.onGrowth(() => this.#wake(() => true)),
      options.fleet.onNews((onlyLoads) => this.#wake(({ role }) => !onlyLoads || role === READS_LOADS)),
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
    const waiter: Waiter = { role: poll.role, isOver: poll.signal.aborted, wake: () => undefined };
    this.#waiters.set(poll.node, waiter);
    if (former !== undefined) release(former);
    const end = (): void => release(waiter);
    const timer = setTimeout(end, this.#options.waitMs);
    poll.signal.addEventListener('abort', end, { once: true });
    try {
      return await this.#nextPage(poll, waiter);
    } finally {
      clearTimeout(timer);
      poll.signal.removeEventListener('abort', end);
      if (this.#waiters.get(poll.node) === waiter) this.#waiters.delete(poll.node);
    }
  }

  /** A page as JSON, written once for all who get it. */
  textOf(page: FeedPage): string {
    const text = this.#texts.get(page) ?? JSON.stringify(page);
    this.#texts.set(page, text);
    return text;
  }

  /** Answers those who wait. */
  close(): void {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    for (const waiter of this.#waiters.values()) release(waiter);
  }

  async #nextPage(poll: FeedPoll, waiter: Waiter): Promise<FeedPage> {
    for (let { cursor } = poll; ;) {
      // Waiting begins before the look, so that nothing falls between the two.
      const { promise: news, resolve } = Promise.withResolvers<void>();
      waiter.wake = resolve;
      const page = await this.#sharedPage(poll.role === READS_LOADS, cursor);
      if (page.snapshot || page.messages.length > 0 || waiter.isOver) return page;
      // Entries that are not for nodes may fill a page: there may be more behind them.
      if (page.cursor === cursor) await news;
      cursor = page.cursor;
    }
  }

  #wake(which: (waiter: Waiter) => boolean): void {
    // What is being read may be older than the news.
    this.#pages.clear();
    for (const waiter of this.#waiters.values()) if (which(waiter)) waiter.wake();
  }

  #sharedPage(withLoads: boolean, cursor: string | null): Promise<FeedPage> {
    const key = `${withLoads} ${cursor}`;
    const reading = this.#pages.get(key);
    if (reading !== undefined) return reading;
    const page = this.#page(withLoads, cursor).finally(() => {
      if (this.#pages.get(key) === page) this.#pages.delete(key);
    });
    this.#pages.set(key, page);
    return page;
  }

  async #page(withLoads: boolean, cursor: string | null): Promise<FeedPage> {
    const [logCursor = '', boot = '', tick = ''] = (cursor ?? '').split('~');
    const page = await this.#logPage(logCursor);
    const { news } = this.#options.fleet;
    const isOurs = !page.snapshot && boot === news.boot && /^\d{1,15}$/.test(tick);
    const messages = page.messages.filter(({ type }) => type !== 'node-changed');
    const fleet = isOurs ? this.#fleetSince(Number(tick), withLoads, messages) : this.#wholeFleet();
    return { ...page, cursor: `${page.cursor}~${news.boot}~${news.tick}`, messages: [...messages, ...fleet] };
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

  #wholeFleet(): readonly FeedMessage[] {
    return this.#options.fleet.members().map(({ record }) => ({ type: 'node', node: record }));
  }

  /** What the log says is removed may have come back since, and then was told of before: it is told again. */
  #fleetSince(tick: number, withLoads: boolean, log: readonly FeedMessage[]): readonly FeedMessage[] {
    const { fleet } = this.#options;
    const { changed, removed } = fleet.news.since(tick, withLoads);
    const inLog = log.flatMap((message) => (message.type === 'node-removed' ? [message.id] : []));
    const present = [...new Set([...changed, ...inLog])].flatMap((id): FeedMessage[] => {
      const member = fleet.member(id);
      return member === null ? [] : [{ type: 'node', node: member.record }];
    });
    return [...removed.map((id): FeedMessage => ({ type: 'node-removed', id })), ...present];
  }
}

function release(waiter: Waiter): void {
  waiter.isOver = true;
  waiter.wake();
}
