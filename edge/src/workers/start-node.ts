/** The composition root of an edge with several workers: it keeps them alive, and speaks for them. */

import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FeedPage } from '@headwater/protocol/feed';
import { FeedState } from '@headwater/protocol/feed-state';
import { systemClock } from '@headwater/service/clock';
import { listen } from '@headwater/service/listen';
import { type Log, createLog } from '@headwater/service/log';
import { Metrics } from '@headwater/service/metrics';
import { TICKET_KEY_BYTES } from '../certificates.ts';
import type { EdgeConfig } from '../config.ts';
import { createEvents } from '../events.ts';
import type { Purged } from '../purge.ts';
import type { Crew, Loan } from '../restart/crew.ts';
import type { Succession } from '../restart/estate.ts';
import { Generation } from '../restart/generation.ts';
import { Relay } from '../restart/relay.ts';
import { ALONE, type RunningEdge } from '../start-edge.ts';
import { removeStrays } from './cache-directory.ts';
import { createNodeEvents } from './node-events.ts';
import { shareOf } from './share.ts';
import type { NamedObject } from './team.ts';
import { Workers } from './workers.ts';

interface NodeOverrides {
  readonly log?: Log;
  /** a feed that the caller keeps; then the edge joins no fleet */
  readonly feed?: FeedState;
  readonly succession?: Succession;
}

/** A running edge of several processes. */
export interface RunningNode extends RunningEdge {
  /** the workers' process ids */
  readonly pids: () => readonly (number | undefined)[];
}

/**
 * Starts a node with `config.workers` workers; a successor has as many as the one before it.
 * @param entry the program that serves as a worker where its argument says so
 */
export async function startNode(config: EdgeConfig, entry: string, overrides: NodeOverrides = {}) {
  const clock = systemClock;
  const { feed = new FeedState(), succession = ALONE } = overrides;
  const { estate, tellOthers } = succession;
  const log = overrides.log ?? createLog({ service: 'edge', level: config.logLevel, nowMs: () => clock.nowMs() });
  const metrics = new Metrics();
  const port = estate?.port ?? (await findPort(config.port));
  const count = estate?.loans.length ?? config.workers;
  if (config.limits.diskBytes > 0 && estate === null) await removeStrays(config.cacheDirectory, count);
  if (estate !== null && estate.known !== null) feed.apply(estate.known);
  const ticketKeys = estate?.ticketKeys ?? randomBytes(TICKET_KEY_BYTES);
  const relay = new Relay(tellOthers, estate !== null);
  const directory = await mkdtemp(join(tmpdir(), 'headwater-edge-'));
  const workers = await Workers.start({
    entry,
    count,
    config: { ...shareOf({ ...config, workers: count }), port, ticketKeys },
    directory,
    known: () => feed.snapshot(),
    clock,
    random: Math.random,
    events: createNodeEvents(log, metrics),
    loans: estate?.loans ?? [],
    onForget: (objects, here) => relay.forget(objects, here),
  }).catch(async (error: unknown) => {
    await rm(directory, { recursive: true, force: true });
    throw error;
  });
  for (const loan of estate?.loans ?? []) loan.release();
  const crew = new CrewOfWorkers({ port, workers, metrics, directory });
  const events = createEvents(log, metrics);
  const generation = await Generation.start({ config, ticketKeys, crew, relay, feed, clock, log, events, estate });
  if (overrides.feed === undefined && estate === null) await generation.enter();
  return Object.assign(generation, { pids: () => workers.pids });
}

interface CrewParts {
  readonly port: number;
  readonly workers: Workers;
  /** of the node's own process */
  readonly metrics: Metrics;
  /** where the workers have their sockets; removed with them */
  readonly directory: string;
}

class CrewOfWorkers implements Crew {
  readonly port: number;
  readonly readings: Crew['readings'];
  readonly #parts: CrewParts;

  constructor(parts: CrewParts) {
    this.#parts = parts;
    this.port = parts.port;
    this.readings = parts.workers.ledger.readings;
  }

  isServing(): boolean {
    return this.#parts.workers.areServing;
  }

  async metrics(): Promise<string> {
    const { workers, metrics } = this.#parts;
    await workers.read();
    return workers.ledger.exposition(metrics.format());
  }

  carryOut(page: FeedPage): Promise<readonly Purged[]> {
    return this.#parts.workers.carryOut(page);
  }

  forget(objects: readonly NamedObject[]): Promise<void> {
    return this.#parts.workers.forget(objects);
  }

  heard(): void {
    this.#parts.workers.heard();
  }

  lend(): Promise<readonly Loan[]> {
    return this.#parts.workers.lend();
  }

  keepOn(): void {
    this.#parts.workers.keepOn();
  }

  retire(): Promise<void> {
    return this.#parts.workers.retire();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.workers[Symbol.asyncDispose]();
    await rm(this.#parts.directory, { recursive: true, force: true });
  }
}

/**
 * The port that the workers will share. Bound for a moment as one that nobody shares: else two nodes of one machine would take
 * each other's viewers without a word.
 */
async function findPort(wanted: number): Promise<number> {
  const server = createServer();
  const port = await listen(server, { port: wanted, variable: 'HEADWATER_EDGE_PORT' });
  await new Promise((resolve) => server.close(resolve));
  return port;
}
