/** An edge's composition root. */

import type { Server } from 'node:http';
import { FeedState } from '@headwater/protocol/feed-state';
import type { Load } from '@headwater/protocol/node';
import { type Clock, systemClock } from '@headwater/service/clock';
import { closeServer } from '@headwater/service/close-server';
import { startFleetLink } from '@headwater/service/fleet-link';
import { listen } from '@headwater/service/listen';
import { LoadMeter } from '@headwater/service/load-meter';
import { type Log, createLog } from '@headwater/service/log';
import { Metrics } from '@headwater/service/metrics';
import { describeNode } from '@headwater/service/node-identity';
import { createAdminServer } from './admin.ts';
import { Gate } from './authorise.ts';
import { createCache } from './cache.ts';
import type { EdgeConfig } from './config.ts';
import type { Edge } from './edge.ts';
import { type EdgeEvents, createEvents } from './events.ts';
import { Fills } from './fill.ts';
import { createViewerServer } from './http-server.ts';
import { MediaDesk } from './media-desk.ts';
import { OriginClient } from './origin-client.ts';
import { purgeAfter } from './purge.ts';
import { cacheStatuses } from './reply.ts';
import { serve } from './serve.ts';
import { nameOf } from './stored.ts';
import { Unsent } from './unsent.ts';
import { Views } from './views.ts';
import { Waiters } from './waiters.ts';

export interface EdgeOverrides {
  readonly clock?: Clock;
  readonly log?: Log;
  /** a feed that the caller keeps; then the edge joins no fleet */
  readonly feed?: FeedState;
}

export interface RunningEdge extends AsyncDisposable {
  readonly port: number;
  readonly adminPort: number;
  readonly url: string;
}

const VERSION = '0.1.0';
/** Answers under way have so long to end. */
const DRAIN_MS = 2_000;

/** Starts an edge. It serves what it knew before even while no control plane answers. */
export async function startEdge(config: EdgeConfig, overrides: EdgeOverrides = {}): Promise<RunningEdge> {
  const { clock = systemClock, feed = new FeedState() } = overrides;
  const log = overrides.log ?? createLog({ service: 'edge', level: config.logLevel, nowMs: () => clock.nowMs() });
  const metrics = new Metrics();
  const events = createEvents(log, metrics);
  const state = { draining: false };
  const isReady = (): boolean => !state.draining && knowsEnough(config, feed);

  const { edge, closeMedia } = assemble(config, { clock, feed, events, isReady });
  const { connections, connectionsPerAddress, headerBytes, idleMs } = config.limits;
  const viewers = createViewerServer({
    connections,
    connectionsPerAddress,
    headerBytes,
    idleMs,
    onRequest: (request, response) => serve(edge, request, response),
    onConnectionRefused: () => events.connectionRefused(),
  });
  const open = countConnections(viewers);
  const admin = createAdminServer({ metrics, isReady, connections: config.limits.adminConnections });
  const port = await listen(viewers, { port: config.port, variable: 'HEADWATER_EDGE_PORT' });
  const adminPort = await listen(admin, { port: config.adminPort, variable: 'HEADWATER_EDGE_ADMIN_PORT' });
  const url = config.publicUrl ?? `http://${config.publicHost}:${port}`;
  exposeGauges(edge, events, open);
  events.started({ port, adminPort });

  const leaveFleet = overrides.feed === undefined ? await joinFleet() : async (): Promise<void> => undefined;

  async function joinFleet(): Promise<() => Promise<void>> {
    const meter = new LoadMeter(clock);
    const egress = rateOf(clock, () => events.sentBytes());
    const requests = rateOf(clock, () => events.answers());
    const errors = rateOf(clock, () => events.failures());
    const onPurged = (id: string, objects: number): void => events.purged(id, objects);
    const link = await startFleetLink({
      controlUrls: config.controlUrls,
      joinToken: config.joinToken,
      stateFile: config.stateFile,
      state: feed,
      clock,
      log,
      node: () => describeNode(config, { role: 'edge', url, version: VERSION }),
      load: (): Load => ({
        ...meter.read(),
        egressBytesPerSecond: egress(),
        connections: open.count,
        requestsPerSecond: requests(),
        errorsPerSecond: errors(),
      }),
      draining: () => state.draining,
      onPage: (page) => purgeAfter(page, { cache: edge.cache, fills: edge.fills, onPurged }),
    });
    return async () => {
      meter[Symbol.dispose]();
      await link[Symbol.asyncDispose]();
    };
  }

  return {
    port,
    adminPort,
    url,
    async [Symbol.asyncDispose]() {
      state.draining = true;
      await Promise.all([leaveFleet(), closeServer(viewers, DRAIN_MS), closeServer(admin, DRAIN_MS)]);
      await closeMedia();
    },
  };
}

/** Public zones of an edge's own file need nobody's word; all else begins with the feed. */
function knowsEnough({ zones }: EdgeConfig, feed: FeedState): boolean {
  return feed.cursor !== null || zones.some(({ policy }) => policy === 'public');
}

interface Surroundings extends Pick<Edge, 'clock' | 'feed' | 'isReady'> {
  readonly events: EdgeEvents;
}

/** Cache, fills, views and the origin's client, tied together. */
function assemble(
  config: EdgeConfig,
  { clock, feed, events, isReady }: Surroundings,
): { readonly edge: Edge; readonly closeMedia: () => Promise<void> } {
  const { limits } = config;
  const client = new OriginClient({
    locate: (stream) => locateOrigin(feed, stream),
    random: Math.random,
    onRetry: (path, cause) => events.originRetried(path, cause),
  });
  const cache = createCache(limits.ramBytes, (stored) => unsent.drop(stored));
  const unsent = new Unsent({
    limitBytes: limits.unsentBytes,
    isKept: (stored) => cache.peek(nameOf(stored)) === stored,
    onCut: () => events.slowReaderCut(),
  });
  const { objectBytes: objectLimitBytes, fillDeadlineMs: deadlineMs } = limits;
  const fills = new Fills({
    cache,
    events,
    objectLimitBytes,
    deadlineMs,
    limit: limits.fills,
    limitBytes: limits.fillBytes,
  });
  const desk = new MediaDesk({ cache, fills, client, clock, inputDeadlineMs: limits.deadlineMs });
  const views = new Views({
    limit: limits.streams,
    client,
    clock,
    random: Math.random,
    fetchPart: (view, name) => desk.whole(view, { kind: 'part', ...name }),
    onTrouble: (stream, cause) => events.timelineFailed(stream, cause),
  });
  const edge: Edge = {
    id: config.nodeId,
    scheme: config.publicUrl?.startsWith('https:') === true ? 'https' : 'http',
    audience: config.audience,
    feed,
    gate: new Gate(feed),
    views,
    desk,
    events,
    clock,
    isReady,
    limits,
    statuses: cacheStatuses(config.nodeId),
    waiters: new Waiters(limits.waiters),
    unsent,
    cache,
    fills,
  };
  async function closeMedia(): Promise<void> {
    views.stopAll();
    fills.abortAll();
    await client.close();
  }
  return { edge, closeMedia };
}

/** Where a stream's origin is, as the feed told last. */
function locateOrigin(feed: FeedState, stream: string): string | null {
  const origin = feed.streams.get(stream)?.origin;
  return origin === undefined || origin === null ? null : (feed.nodes.get(origin)?.url ?? null);
}

function exposeGauges(edge: Edge, events: EdgeEvents, open: { readonly count: number }): void {
  events.gauges({
    cacheBytes: () => edge.cache.calculatedSize,
    cacheObjects: () => edge.cache.size,
    fills: () => edge.fills.count,
    fillBytes: () => edge.fills.heldBytes,
    unsentBytes: () => edge.unsent.heldBytes,
    streams: () => edge.views.count,
    tracksFollowed: () => edge.views.followedTracks,
    waiting: () => edge.waiters.count,
    connections: () => open.count,
  });
}

function countConnections(server: Server): { readonly count: number } {
  const open = { count: 0 };
  server.on('connection', (socket) => {
    open.count += 1;
    socket.once('close', () => (open.count -= 1));
  });
  return open;
}

/** A reader of how fast a counter grew since its previous reading, per second. */
function rateOf(clock: Clock, total: () => number): () => number {
  let before = { atMs: clock.monotonicMs(), total: total() };
  return () => {
    const now = { atMs: clock.monotonicMs(), total: total() };
    const rate = ((now.total - before.total) * 1000) / Math.max(1, now.atMs - before.atMs);
    before = now;
    return Math.round(rate);
  };
}
