/**
 * One run of an edge's program: those who answer viewers, the operator's listener, and the place in the fleet. The first one
 * has all of that from its start. Each later one gets it from the one before, piece by piece, while both answer.
 */

import type { Server } from 'node:http';
import type { FeedPage } from '@headwater/protocol/feed';
import type { FeedState } from '@headwater/protocol/feed-state';
import type { Clock } from '@headwater/service/clock';
import { closeServer } from '@headwater/service/close-server';
import { listen } from '@headwater/service/listen';
import type { Log } from '@headwater/service/log';
import { createAdminServer } from '../admin.ts';
import type { EdgeConfig } from '../config.ts';
import type { EdgeEvents } from '../events.ts';
import { joinFleet } from '../join-fleet.ts';
import type { Purged } from '../purge.ts';
import { DRAIN_MS, knowsEnough, schemeOf } from '../start-serving.ts';
import { listenerOf } from '../workers/listener.ts';
import { keepCounts, mergeExpositions } from '../workers/merge-expositions.ts';
import type { Crew, News } from './crew.ts';
import type { Estate } from './estate.ts';
import type { Member } from './member.ts';
import type { Relay } from './relay.ts';

interface GenerationOptions {
  readonly config: EdgeConfig;
  readonly ticketKeys: Uint8Array;
  readonly crew: Crew;
  readonly relay: Relay;
  readonly feed: FeedState;
  readonly clock: Clock;
  readonly log: Log;
  readonly events: EdgeEvents;
  /** null: it is the first */
  readonly estate: Estate | null;
}

export class Generation implements Member {
  readonly url: string;
  readonly #options: GenerationOptions;
  readonly #admin: Server;
  #adminPort = 0;
  #isEnding = false;
  #hasFeed: boolean;
  #countsBefore: string;
  #membership: AsyncDisposable | null = null;

  private constructor(options: GenerationOptions) {
    this.#options = options;
    const { config, crew, estate, feed } = options;
    this.url = config.publicUrl ?? `${schemeOf(config)}://${config.publicHost}:${crew.port}`;
    this.#hasFeed = feed.cursor !== null;
    this.#countsBefore = estate?.counts ?? '';
    this.#admin = createAdminServer({
      metrics: () => this.#exposition(),
      isReady: () => this.#isReady,
      connections: config.limits.adminConnections,
    });
  }

  /** Listens to operators; the fleet hears of it when it is told to {@link enter}. */
  static async start(options: GenerationOptions): Promise<Generation> {
    const generation = new Generation(options);
    const { config, crew, estate, events } = options;
    const listener = estate?.admin.listener ?? null;
    generation.#adminPort = await listen(generation.#admin, {
      port: config.adminPort,
      variable: 'HEADWATER_EDGE_ADMIN_PORT',
      ...(listener === null ? {} : { listener }),
    });
    events.started({ port: crew.port, adminPort: generation.#adminPort });
    return generation;
  }

  get port(): number {
    return this.#options.crew.port;
  }

  get adminPort(): number {
    return this.#adminPort;
  }

  /** Takes its place in the fleet. */
  async enter(): Promise<void> {
    const { config, feed, clock, log, crew } = this.#options;
    this.#membership = await joinFleet({
      config,
      feed,
      clock,
      log,
      url: this.url,
      readings: crew.readings,
      draining: () => this.#isEnding,
      onPage: (page) => this.carryOut(page),
      onHeard: () => crew.heard(),
    });
  }

  /** Lets another have its place in the fleet. What it knows is on disk then. */
  async leave(): Promise<void> {
    await this.#membership?.[Symbol.asyncDispose]();
    this.#membership = null;
  }

  /** Does what a page of the feed orders, once the feed has taken it in. */
  async carryOut(page: FeedPage): Promise<void> {
    const { crew, relay, events } = this.#options;
    for (const purged of await relay.spread({ kind: 'page', page }, () => crew.carryOut(page))) events.purged(purged);
    this.#hasFeed = true;
  }

  /** Does what another generation was ordered to. */
  async take(news: News): Promise<readonly Purged[]> {
    const { crew, feed } = this.#options;
    if (news.kind === 'page') {
      feed.apply(news.page);
      const purged = await crew.carryOut(news.page);
      this.#hasFeed = true;
      return purged;
    }
    await crew.forget(news.objects);
    return [];
  }

  /** Gives all that a successor needs; goes on meanwhile, without a disk. */
  async lend(): Promise<Estate> {
    const { crew, relay, feed, ticketKeys } = this.#options;
    await relay.open();
    const loans = await crew.lend();
    return {
      known: feed.snapshot(),
      port: crew.port,
      ticketKeys,
      counts: await this.counts(),
      admin: { listener: listenerOf(this.#admin), release: () => undefined },
      loans,
    };
  }

  /** Nobody took up what was lent. */
  async keepOn(): Promise<void> {
    this.#options.crew.keepOn();
  }

  /** Ends what it has begun, and comes back when nothing is left of that. */
  async retire(): Promise<void> {
    this.#isEnding = true;
    await Promise.all([this.#options.crew.retire(), closeServer(this.#admin, DRAIN_MS)]);
  }

  /** What was counted up to now, here and before. */
  async counts(): Promise<string> {
    return keepCounts([this.#countsBefore, await this.#options.crew.metrics()]);
  }

  /** The one before has counted on. */
  async noteCountsBefore(counts: string): Promise<void> {
    this.#countsBefore = counts;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isEnding = true;
    await Promise.all([this.leave(), this.#options.crew[Symbol.asyncDispose](), closeServer(this.#admin, DRAIN_MS)]);
  }

  get #isReady(): boolean {
    const { config, crew } = this.#options;
    return !this.#isEnding && crew.isServing() && knowsEnough(config, this.#hasFeed);
  }

  async #exposition(): Promise<string> {
    const own = await this.#options.crew.metrics();
    return this.#countsBefore === '' ? own : mergeExpositions([this.#countsBefore, own]);
  }
}
