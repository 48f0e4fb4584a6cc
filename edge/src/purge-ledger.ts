/**
 * Which purges this edge has carried out. A child says to its parent which was its last; a parent that is behind waits a
 * moment for its own feed, and then rather answers nothing than what the child was told to forget.
 */

import type { FeedPage, PurgePoint } from '@headwater/protocol/feed';
import type { Clock } from '@headwater/service/clock';
import { type Patience, waitUntil } from './patience.ts';

const LEDGER_LIMIT = 10_000;
/** A fuller page may have others behind it. */
const PAGE_LIMIT = 1_000;
/** Clocks of a fleet are this far apart at most. */
const CLOCK_LEEWAY_MS = 30_000;
const POINT = /^([A-Za-z0-9_-]{1,64}) (\d{1,15})$/;

export class PurgeLedger {
  readonly #clock: Clock;
  /** in the order of the feed */
  readonly #ids = new Set<string>();
  readonly #watchers = new Set<() => void>();
  #last: PurgePoint | null = null;
  #heardMs = -Infinity;

  /** @param known the last purge before this edge, or this process of it, began: of what it stores nothing is older */
  constructor(clock: Clock, known: PurgePoint | null = null) {
    this.#clock = clock;
    if (known !== null) this.#note(known);
  }

  /** The last purge that was carried out; null before the first. */
  get last(): PurgePoint | null {
    return this.#last;
  }

  /** A page of the feed has been carried out. */
  take({ snapshot, lastPurge, messages }: FeedPage): void {
    if (lastPurge !== undefined) this.#note(lastPurge);
    for (const message of messages) if (message.type === 'purge') this.#note(message.purge);
    // A snapshot may be the node's own, from before it was away.
    if (!snapshot && messages.length < PAGE_LIMIT) this.#heardMs = this.#clock.nowMs();
    for (const watcher of this.#watchers) watcher();
  }

  #note({ id, atMs }: PurgePoint): void {
    this.#last = { id, atMs: Math.floor(atMs) };
    this.#ids.add(id);
    const oldest = this.#ids.values().next().value;
    if (this.#ids.size > LEDGER_LIMIT && oldest !== undefined) this.#ids.delete(oldest);
  }

  /** All that was ordered up to now has been carried out. */
  heard(): void {
    this.#heardMs = this.#clock.nowMs();
    for (const watcher of this.#watchers) watcher();
  }

  /** Whether everything up to this point has been carried out here. */
  covers({ id, atMs }: PurgePoint): boolean {
    return this.#ids.has(id) || this.#heardMs >= atMs + CLOCK_LEEWAY_MS;
  }

  /** Waits for that; false when it does not come in time. */
  until(point: PurgePoint, patience: Patience): Promise<boolean> {
    return waitUntil(
      () => this.covers(point),
      patience,
      (check) => {
        this.#watchers.add(check);
        return () => this.#watchers.delete(check);
      },
    );
  }
}

export function formatPurgePoint({ id, atMs }: PurgePoint): string {
  return `${id} ${atMs}`;
}

/** @returns null for what {@link formatPurgePoint} could not have written */
export function parsePurgePoint(text: string): PurgePoint | null {
  const [, id, atMs] = POINT.exec(text) ?? [];
  return id === undefined ? null : { id, atMs: Number(atMs) };
}
