/**
 * Purges: orders that every edge carries out. An edge says that it has by the cursor of its next poll, which comes as soon as
 * the page before it was taken in.
 */

import { randomBytes } from 'node:crypto';
import type { Purge } from '@headwater/protocol/feed';
import type { Clock } from '@headwater/service/clock';
import type { Fleet } from './fleet.ts';
import { logCursorOf, reaches } from './log-cursor.ts';
import type { Store } from './state/store.ts';

/** What is kept of a purge. */
interface PurgeRecord {
  readonly purge: Purge;
  /** the log's position after the order */
  readonly cursor: string;
  /** the edges that were there to carry it out */
  readonly edges: readonly string[];
}

/** How far a purge has come. */
export interface PurgeProgress {
  readonly purge: Purge;
  readonly total: number;
  readonly acked: readonly string[];
  readonly missing: readonly string[];
  /** from the order to the last acknowledgement so far, as this replica heard them; null before the first */
  readonly ms: number | null;
}

interface PurgesOptions {
  readonly store: Store;
  readonly fleet: Fleet;
  readonly clock: Clock;
}

/** A purge that this replica ordered. */
interface OpenPurge {
  readonly record: PurgeRecord;
  /** monotonic */
  readonly startMs: number;
  /** edges that have not acknowledged it */
  readonly missing: Set<string>;
  ms: number | null;
}

type Order = Omit<Purge, 'id' | 'atMs'>;

/** So many are remembered; the oldest go. */
const KEPT = 1_000;
const TRIM = 100;
/** Within this time all but edges that are gone have acknowledged it. */
const EAGER_MS = 5_000;
/** For so long it is looked out for the last acknowledgement: an edge that died gives none. */
const WATCHED_MS = 60_000;

export class Purges implements Disposable {
  readonly #options: PurgesOptions;
  readonly #open = new Map<string, OpenPurge>();
  readonly #unsubscribe: () => void;

  constructor(options: PurgesOptions) {
    this.#options = options;
    this.#unsubscribe = options.fleet.onAcknowledged(() => this.#note());
  }

  /** Gives the order. It is durable and on its way when this resolves. */
  async order(order: Order): Promise<Purge> {
    const { store, fleet, clock } = this.#options;
    const startMs = clock.monotonicMs();
    const purge: Purge = { ...order, id: await this.#nextId(), atMs: Math.floor(clock.nowMs()) };
    const edges = fleet
      .members()
      .flatMap(({ record }) => (record.role === 'edge' && record.healthy ? [record.id] : []));
    await store.commit({ changes: [], log: [{ type: 'purge', purge }] });
    const record: PurgeRecord = { purge, cursor: await store.head(), edges };
    this.#open.set(purge.id, { record, startMs, missing: new Set(edges), ms: null });
    await store.commit({ changes: [{ collection: 'purge', id: purge.id, expect: 0, body: record }] });
    this.#note();
    await this.#trim();
    return purge;
  }

  async progress(id: string): Promise<PurgeProgress | null> {
    const kept = await this.#options.store.get('purge', id);
    if (kept === null) return null;
    const record = kept.body as PurgeRecord;
    const acked = record.edges.filter((edge) => this.#hasReached(edge, record.cursor));
    const missing = record.edges.filter((edge) => !acked.includes(edge));
    return { purge: record.purge, total: record.edges.length, acked, missing, ms: this.#open.get(id)?.ms ?? null };
  }

  /** Whether acknowledgements of this replica's orders are still to come. */
  get isWaiting(): boolean {
    const nowMs = this.#options.clock.monotonicMs();
    return [...this.#open.values()].some(({ ms, startMs }) => ms === null && nowMs - startMs < EAGER_MS);
  }

  [Symbol.dispose](): void {
    this.#unsubscribe();
  }

  /** Ids sort by time: the clock's milliseconds, and something that tells two of one apart. */
  async #nextId(): Promise<string> {
    return `${Math.floor(this.#options.clock.nowMs()).toString(36)}-${randomBytes(3).toString('hex')}`;
  }

  #note(): void {
    const nowMs = this.#options.clock.monotonicMs();
    for (const open of this.#open.values()) {
      if (open.ms !== null || nowMs - open.startMs > WATCHED_MS) continue;
      for (const edge of open.missing) if (this.#hasReached(edge, open.record.cursor)) open.missing.delete(edge);
      if (open.missing.size === 0) open.ms = Math.round(nowMs - open.startMs);
    }
  }

  #hasReached(edge: string, target: string): boolean {
    const cursor = this.#options.fleet.member(edge)?.cursor ?? null;
    return cursor !== null && reaches(logCursorOf(cursor), target);
  }

  async #trim(): Promise<void> {
    const { store } = this.#options;
    for (const id of [...this.#open.keys()].slice(0, -KEPT)) this.#open.delete(id);
    if ((await store.count('purge')) <= KEPT) return;
    const oldest = await store.list('purge', { limit: TRIM });
    const changes = oldest.map(
      ({ id, revision }) => ({ collection: 'purge', id, expect: revision, body: undefined }) as const,
    );
    await store.commit({ changes });
  }
}
