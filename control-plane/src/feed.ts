/**
 * The feed: the state's log and the registry's fleet, as pages for long-polls. A cursor is the log's cursor and, for the loads,
 * which no log keeps, this process's boot and a tick.
 */

import { randomBytes } from 'node:crypto';
import type { FeedMessage, FeedPage } from '@headwater/protocol/feed';
import type { Load, NodeRole } from '@headwater/protocol/node';
import type { Registry } from './registry/registry.ts';
import type { State } from './state/state.ts';

/** A poll with no news is answered after this time. */
export const FEED_WAIT_MS = 20_000;
/** A page of changes holds at most as many messages. */
const PAGE_LIMIT = 1_000;
/** Only geo ranks by load; the others would wake for nothing. */
const READS_LOADS: NodeRole = 'geo';

interface FeedOptions {
  readonly state: State;
  readonly registry: Registry;
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
  readonly #boot = randomBytes(4).toString('hex');
  readonly #waiters = new Map<string, Waiter>();
  readonly #told = new Map<string, { readonly load: Load; readonly tick: number }>();
  readonly #unsubscribe: () => void;
  #tick = 0;

  constructor(options: FeedOptions) {
    this.#options = options;
    this.#unsubscribe = options.state.onGrowth(() => this.#wake(() => true));
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

  /** Tells those who rank by load of loads that have changed enough. Called every two seconds. */
  tellLoads(): void {
    const tick = this.#tick + 1;
    const present = new Set<string>();
    for (const { record } of this.#options.registry.members()) {
      present.add(record.id);
      const told = this.#told.get(record.id);
      if (told !== undefined && !differs(told.load, record.load)) continue;
      this.#told.set(record.id, { load: record.load, tick });
      this.#tick = tick;
    }
    for (const id of this.#told.keys()) if (!present.has(id)) this.#told.delete(id);
    if (this.#tick === tick) this.#wake((waiter) => waiter.role === READS_LOADS);
  }

  /** Answers those who wait. */
  close(): void {
    this.#unsubscribe();
    this.#wake(() => true);
  }

  #wake(which: (waiter: Waiter) => boolean): void {
    for (const waiter of this.#waiters.values()) if (which(waiter)) waiter.wake();
  }

  async #page(poll: FeedPoll): Promise<FeedPage> {
    const { state, registry } = this.#options;
    const [logCursor = '', boot, tickText] = (poll.cursor ?? '').split('~');
    const page = await state.changesSince(logCursor, PAGE_LIMIT);
    if (page === null) {
      const whole = await state.snapshot();
      // The fleet is read after the log's position, so a change between the two comes again; none is missed.
      const nodes = registry.members().map(({ record }) => ({ type: 'node' as const, node: record }));
      return { ...whole, cursor: this.#cursor(whole.cursor), messages: [...whole.messages, ...nodes] };
    }
    const since = boot === this.#boot && /^\d{1,15}$/.test(tickText ?? '') ? Number(tickText) : -1;
    const loads = poll.role === READS_LOADS ? this.#loadsSince(since) : [];
    return { ...page, cursor: this.#cursor(page.cursor), messages: [...page.messages, ...loads] };
  }

  #loadsSince(tick: number): FeedMessage[] {
    return this.#options.registry.members().flatMap(({ record }) => {
      const told = this.#told.get(record.id);
      return told !== undefined && told.tick > tick ? [{ type: 'node' as const, node: record }] : [];
    });
  }

  #cursor(logCursor: string): string {
    return `${logCursor}~${this.#boot}~${this.#tick}`;
  }
}

/** By how much a load has to move before it is told again. */
const STEP = {
  cpu: 0.05,
  egressBytesPerSecond: 1_000_000,
  connections: 10,
  loopLagMs: 20,
  requestsPerSecond: 50,
  errorsPerSecond: 1,
} as const;
const RATIO = 0.1;

function differs(told: Load, now: Load): boolean {
  return (Object.keys(STEP) as (keyof Load)[]).some(
    (key) => Math.abs(now[key] - told[key]) >= Math.max(STEP[key], RATIO * told[key]),
  );
}
