/** The composition root of an edge with several workers: it joins the fleet, keeps its workers alive, and speaks for them. */

import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FeedPage } from '@headwater/protocol/feed';
import { FeedState } from '@headwater/protocol/feed-state';
import { systemClock } from '@headwater/service/clock';
import { closeServer } from '@headwater/service/close-server';
import { listen } from '@headwater/service/listen';
import { type Log, createLog } from '@headwater/service/log';
import { Metrics } from '@headwater/service/metrics';
import { createAdminServer } from '../admin.ts';
import { TICKET_KEY_BYTES } from '../certificates.ts';
import type { EdgeConfig } from '../config.ts';
import { createEvents } from '../events.ts';
import { joinFleet } from '../join-fleet.ts';
import type { RunningEdge } from '../start-edge.ts';
import { DRAIN_MS, knowsEnough, schemeOf } from '../start-serving.ts';
import { removeStrays } from './cache-directory.ts';
import { createNodeEvents } from './node-events.ts';
import { shareOf } from './share.ts';
import { Workers } from './workers.ts';

interface NodeOverrides {
  readonly log?: Log;
  /** a feed that the caller keeps; then the edge joins no fleet */
  readonly feed?: FeedState;
}

/** A running edge of several processes. */
export interface RunningNode extends Omit<RunningEdge, 'carryOut'> {
  /** the workers' process ids */
  readonly pids: () => readonly (number | undefined)[];
  /** Replaces all workers without the loss of a request; comes back when new ones serve. */
  readonly restart: () => Promise<void>;
  /** comes back when every worker has done it */
  readonly carryOut: (page: FeedPage) => Promise<void>;
}

/**
 * Starts a node with `config.workers` workers.
 * @param entry the program that serves as a worker where its argument says so
 */
export async function startNode(
  config: EdgeConfig,
  entry: string,
  overrides: NodeOverrides = {},
): Promise<RunningNode> {
  const clock = systemClock;
  const { feed = new FeedState() } = overrides;
  const log = overrides.log ?? createLog({ service: 'edge', level: config.logLevel, nowMs: () => clock.nowMs() });
  const metrics = new Metrics();
  const events = createEvents(log, metrics);
  const state = { draining: false, hasFeed: feed.cursor !== null };
  const port = await findPort(config.port);
  if (config.limits.diskBytes > 0) await removeStrays(config.cacheDirectory, config.workers);
  const directory = await mkdtemp(join(tmpdir(), 'headwater-edge-'));
  const workers = await Workers.start({
    entry,
    count: config.workers,
    config: { ...shareOf(config), port, ticketKeys: randomBytes(TICKET_KEY_BYTES) },
    directory,
    known: () => feed.snapshot(),
    clock,
    random: Math.random,
    events: createNodeEvents(log, metrics),
  }).catch(async (error: unknown) => {
    await rm(directory, { recursive: true, force: true });
    throw error;
  });
  // Certificates are the workers' own. Without any the signal ends the node, as it does any process.
  const onHangup = (): void => workers.hangUp();
  if (config.tlsFiles.length > 0) process.on('SIGHUP', onHangup);
  const isReady = (): boolean => !state.draining && workers.areServing && knowsEnough(config, state.hasFeed);
  const exposition = async (): Promise<string> => {
    await workers.read();
    return workers.ledger.exposition(metrics.format());
  };
  const admin = createAdminServer({ metrics: exposition, isReady, connections: config.limits.adminConnections });
  const adminPort = await listen(admin, { port: config.adminPort, variable: 'HEADWATER_EDGE_ADMIN_PORT' });
  const url = config.publicUrl ?? `${schemeOf(config)}://${config.publicHost}:${port}`;
  events.started({ port, adminPort });
  const carryOut = async (page: FeedPage): Promise<void> => {
    for (const purged of await workers.carryOut(page)) events.purged(purged);
    state.hasFeed = true;
  };
  const { readings } = workers.ledger;
  const draining = (): boolean => state.draining;
  const member = { config, feed, clock, log, url };
  const membership =
    overrides.feed !== undefined
      ? null
      : await joinFleet({ ...member, readings, draining, onPage: carryOut, onHeard: () => workers.heard() });
  return {
    port,
    adminPort,
    url,
    pids: () => workers.pids,
    restart: () => workers.restart(),
    carryOut,
    async [Symbol.asyncDispose]() {
      state.draining = true;
      process.off('SIGHUP', onHangup);
      await Promise.all([
        membership?.[Symbol.asyncDispose](),
        workers[Symbol.asyncDispose](),
        closeServer(admin, DRAIN_MS),
      ]);
      await rm(directory, { recursive: true, force: true });
    },
  };
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
