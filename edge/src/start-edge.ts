/** The composition root of an edge of one process, and what it shares with that of several. */

import { randomBytes } from 'node:crypto';
import type { FeedPage } from '@headwater/protocol/feed';
import { FeedState } from '@headwater/protocol/feed-state';
import { type Clock, systemClock } from '@headwater/service/clock';
import { LoadMeter } from '@headwater/service/load-meter';
import { type Log, createLog } from '@headwater/service/log';
import { TICKET_KEY_BYTES } from './certificates.ts';
import type { EdgeConfig } from './config.ts';
import type { Crew, Loan } from './restart/crew.ts';
import type { Succession } from './restart/estate.ts';
import { Generation } from './restart/generation.ts';
import { MissedOrders } from './restart/missed-orders.ts';
import { Relay } from './restart/relay.ts';
import { type Serving, startServing } from './start-serving.ts';
import type { Purged } from './purge.ts';
import { removeStrays } from './workers/cache-directory.ts';
import { listenerOf } from './workers/listener.ts';
import type { NamedObject } from './workers/team.ts';

export interface EdgeOverrides {
  readonly clock?: Clock;
  readonly log?: Log;
  /** a feed that the caller keeps; then the edge joins no fleet */
  readonly feed?: FeedState;
  readonly succession?: Succession;
}

export interface RunningEdge extends AsyncDisposable {
  readonly port: number;
  readonly adminPort: number;
  readonly url: string;
  /** Does what a page of the feed orders, once the feed has taken it in. */
  readonly carryOut: (page: FeedPage) => Promise<void>;
}

/** One that stands alone. */
export const ALONE: Succession = { estate: null, tellOthers: () => Promise.resolve([]) };

/**
 * Starts an edge. It serves what it knew before even while no control plane answers. A successor is in the fleet when it is
 * told to enter it.
 */
export async function startEdge(config: EdgeConfig, overrides: EdgeOverrides = {}): Promise<Generation> {
  const { clock = systemClock, feed = new FeedState(), succession = ALONE } = overrides;
  const { estate, tellOthers } = succession;
  const log = overrides.log ?? createLog({ service: 'edge', level: config.logLevel, nowMs: () => clock.nowMs() });
  if (config.limits.diskBytes > 0 && estate === null) await removeStrays(config.cacheDirectory, 1);
  if (estate !== null && estate.known !== null) feed.apply(estate.known);
  const ticketKeys = estate?.ticketKeys ?? randomBytes(TICKET_KEY_BYTES);
  const relay = new Relay(tellOthers, estate !== null);
  const lent: Lent = { hasDisk: false, missed: new MissedOrders() };
  const [loan] = estate?.loans ?? [];
  const listener = loan?.listener ?? null;
  const serving = await startServing(
    { ...config, ticketKeys, port: estate?.port ?? config.port },
    {
      clock,
      feed,
      log,
      missed: loan?.missed ?? [],
      ...(listener === null ? {} : { listener }),
      onForget: (objects, here) => {
        if (lent.hasDisk) lent.missed.noteAnything();
        return relay.forget(objects, here);
      },
    },
  );
  const crew = new CrewOfOne(serving, clock, lent);
  const { events } = serving;
  const generation = await Generation.start({ config, ticketKeys, crew, relay, feed, clock, log, events, estate });
  if (overrides.feed === undefined && estate === null) await generation.enter();
  return generation;
}

/** What this process has lent, and what has not been done to it since. */
interface Lent {
  hasDisk: boolean;
  readonly missed: MissedOrders;
}

class CrewOfOne implements Crew {
  readonly readings: Crew['readings'];
  readonly #serving: Serving;
  readonly #meter: LoadMeter;
  readonly #lent: Lent;

  constructor(serving: Serving, clock: Clock, lent: Lent) {
    this.#lent = lent;
    this.#serving = serving;
    this.#meter = new LoadMeter(clock);
    this.readings = { ...serving.readings, busy: () => this.#meter.read() };
  }

  get port(): number {
    return this.#serving.port;
  }

  isServing(): boolean {
    return this.#serving.isReady();
  }

  metrics(): string {
    return this.#serving.metrics.format();
  }

  carryOut(page: FeedPage): Promise<readonly Purged[]> {
    if (this.#lent.hasDisk) this.#lent.missed.note(page);
    return this.#serving.carryOut(page);
  }

  forget(objects: readonly NamedObject[]): Promise<void> {
    if (this.#lent.hasDisk) this.#lent.missed.noteAnything();
    return this.#serving.forget(objects);
  }

  heard(): void {
    this.#serving.heard();
  }

  async lend(): Promise<readonly Loan[]> {
    const { pages } = this.#lent.missed;
    this.#lent.hasDisk = true;
    await this.#serving.releaseDisk();
    return [{ listener: listenerOf(this.#serving.server), missed: pages, release: () => undefined }];
  }

  keepOn(): void {
    // What it has in RAM it goes on with.
  }

  retire(): Promise<void> {
    return this.#serving.retire();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#serving[Symbol.asyncDispose]();
    this.#meter[Symbol.dispose]();
  }
}
