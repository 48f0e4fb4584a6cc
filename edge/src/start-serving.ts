/** What answers viewers in this process: the listener, and behind it cache, fills and views. */

import type { Server } from 'node:net';
import type { FeedPage } from '@headwater/protocol/feed';
import type { FeedState } from '@headwater/protocol/feed-state';
import type { Clock } from '@headwater/service/clock';
import { listen } from '@headwater/service/listen';
import type { Log } from '@headwater/service/log';
import { Metrics } from '@headwater/service/metrics';
import { Gate } from './authorise.ts';
import { createCache } from './cache.ts';
import { type Certificates, openCertificates } from './certificates.ts';
import type { EdgeConfig } from './config.ts';
import type { Edge } from './edge.ts';
import { type EdgeEvents, createEvents } from './events.ts';
import { Fills } from './fill.ts';
import { type FrontEvents, createFrontEvents } from './front-events.ts';
import { createViewerServer } from './http-server.ts';
import type { Readings } from './join-fleet.ts';
import { MediaDesk } from './media-desk.ts';
import { OriginClient } from './origin-client.ts';
import { Peers } from './peers.ts';
import { type Purged, purgeAfter } from './purge.ts';
import { RamShare } from './ram-share.ts';
import { cacheStatuses } from './reply.ts';
import { SegmentsAhead } from './segments-ahead.ts';
import { RequestRate } from './request-rate.ts';
import { serve } from './serve.ts';
import { nameOf } from './stored.ts';
import { Unsent } from './unsent.ts';
import { Views } from './views.ts';
import { Waiters } from './waiters.ts';
import { joinTeam } from './workers/join-team.ts';
import type { NamedObject, Team } from './workers/team.ts';
import { type Zones, assembleZones } from './zone/assemble-zones.ts';

/** Answers under way have so long to end. */
export const DRAIN_MS = 2_000;

/** What it serves by and tells to. */
interface Surroundings {
  readonly clock: Clock;
  readonly feed: FeedState;
  readonly log: Log;
  /** the other workers, where there are any */
  readonly team?: Team;
  /** pages of which a former process may not have done all, to be done before anything is served */
  readonly missed?: readonly FeedPage[];
}

/** What answers viewers. Disposing lets answers under way end and takes no more. */
export interface Serving extends AsyncDisposable {
  readonly port: number;
  readonly metrics: Metrics;
  readonly events: EdgeEvents;
  readonly readings: Omit<Readings, 'busy'>;
  /** false before it knows whom to let in, and while it ends */
  readonly isReady: () => boolean;
  /** Does what a page orders, once the feed has taken it in. */
  carryOut(page: FeedPage): Promise<readonly Purged[]>;
  /** Forgets objects of pull zones that a request has changed. */
  forget(objects: readonly NamedObject[]): Promise<void>;
}

/** Listens to viewers. */
export async function startServing(config: EdgeConfig, surroundings: Surroundings): Promise<Serving> {
  const { clock, feed, log, team, missed = [] } = surroundings;
  const metrics = new Metrics();
  const events = createEvents(log, metrics);
  const state = { draining: false };
  const isReady = (): boolean => !state.draining && knowsEnough(config, feed.cursor !== null);
  const { edge, zones, closeMedia } = await assemble(config, { clock, feed, log, metrics, events, isReady, team });
  const { connections, connectionsPerAddress, headerBytes, idleMs } = config.limits;
  const certificates = await loadCertificates(config, createFrontEvents(log, metrics));
  const viewers = createViewerServer({
    connections,
    connectionsPerAddress,
    headerBytes,
    idleMs,
    certificates,
    onRequest: (request, response) => serve(edge, request, response),
    onConnectionRefused: () => events.connectionRefused(),
  });
  const open = countConnections(viewers.server);
  const carryOut = async (page: FeedPage): Promise<readonly Purged[]> => {
    const zonesPurged = zones.purgeAfter(page);
    const purged = purgeAfter(page, edge);
    await zonesPurged;
    return purged;
  };
  for (const page of missed) await carryOut(page);
  const leaveTeam = team === undefined ? undefined : await joinTeam(team, edge);
  const port = await listen(viewers.server, {
    port: config.port,
    variable: 'HEADWATER_EDGE_PORT',
    reusePort: team !== undefined,
  });
  exposeGauges(edge, events, open);
  return {
    port,
    metrics,
    events,
    readings: {
      connections: () => open.count,
      sentBytes: () => events.sentBytes(),
      answers: () => events.answers(),
      failures: () => events.failures(),
    },
    isReady,
    carryOut,
    forget: (objects) => zones.forget(objects),
    async [Symbol.asyncDispose]() {
      state.draining = true;
      await viewers.close(DRAIN_MS);
      certificates?.[Symbol.dispose]();
      await leaveTeam?.();
      await zones.close();
      await closeMedia();
    },
  };
}

/** @returns null when the port speaks plain HTTP */
async function loadCertificates({ tlsFiles }: EdgeConfig, events: FrontEvents): Promise<Certificates | null> {
  if (tlsFiles.length === 0) return null;
  return openCertificates({
    files: tlsFiles,
    onReloaded: (expiresMs) => events.certificateReloaded(expiresMs),
    onRejected: (error) => events.certificateRejected(error),
  });
}

/** Public zones of an edge's own file need nobody's word; all else begins with the feed. */
export function knowsEnough({ zones }: EdgeConfig, hasFeed: boolean): boolean {
  return hasFeed || zones.some(({ policy }) => policy === 'public');
}

interface Parts extends Pick<Edge, 'clock' | 'feed' | 'isReady'> {
  readonly events: EdgeEvents;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly team: Team | undefined;
}

/** Cache, fills, views and the origin's client, tied together. */
async function assemble(
  config: EdgeConfig,
  { clock, feed, log, metrics, events, isReady, team }: Parts,
): Promise<{ readonly edge: Edge; readonly zones: Zones; readonly closeMedia: () => Promise<void> }> {
  const { limits } = config;
  const client = new OriginClient({
    locate: (stream) => team?.ownership.elsewhere(stream) ?? locateOrigin(feed, stream),
    ...(team === undefined ? {} : { socketOf: (hostname) => team.ownership.socketOf(hostname) }),
    random: Math.random,
    onRetry: (path, cause) => events.originRetried(path, cause),
  });
  const { share, cache, unsent } = holdStreams(limits, events);
  const fills = new Fills({
    cache,
    events,
    objectLimitBytes: limits.objectBytes,
    deadlineMs: limits.fillDeadlineMs,
    limit: limits.fills,
    limitBytes: limits.fillBytes,
  });
  const desk = new MediaDesk({ cache, fills, client, clock, inputDeadlineMs: limits.deadlineMs });
  const ahead = new SegmentsAhead({ desk, limit: limits.prefetches, onEnded: events.prefetchEnded });
  const views = new Views({
    limit: limits.streams,
    client,
    clock,
    random: Math.random,
    fetchPart: (view, name) => desk.whole(view, { kind: 'part', ...name }),
    onTrouble: (stream, cause) => events.timelineFailed(stream, cause),
  });
  const scheme = schemeOf(config);
  const waiters = new Waiters(limits.waiters);
  const zones = await assembleZones(config, { clock, feed, log, metrics, waiters, scheme, share, team });
  share.divide(cache, zones);
  const edge: Edge = {
    id: config.nodeId,
    scheme,
    audience: config.audience,
    feed,
    gate: new Gate(feed),
    views,
    peers: new Peers({ feed, ownId: config.nodeId, clock }),
    desk,
    ahead,
    events,
    clock,
    isReady,
    limits,
    statuses: cacheStatuses(config.nodeId),
    waiters,
    rate: new RequestRate(limits.requestsPerSecondPerAddress, clock),
    zones,
    unsent,
    cache,
    fills,
  };
  async function closeMedia(): Promise<void> {
    ahead.stop();
    views.stopAll();
    fills.abortAll();
    await client.close();
  }
  return { edge, zones, closeMedia };
}

/** The RAM of our own streams: what is cached, and what slow viewers still have to take of what was. */
function holdStreams(limits: EdgeConfig['limits'], events: EdgeEvents) {
  const share = new RamShare(limits.ramBytes);
  const cache = createCache(limits.ramBytes, {
    onDropped: (stored) => unsent.drop(stored),
    onGrown: () => share.settle(),
  });
  const unsent = new Unsent({
    limitBytes: limits.unsentBytes,
    isKept: (stored) => cache.peek(nameOf(stored)) === stored,
    onCut: () => events.slowReaderCut(),
  });
  return { share, cache, unsent };
}

/** Where a stream's origin is, as the feed told last. */
function locateOrigin(feed: FeedState, stream: string): string | null {
  const origin = feed.streams.get(stream)?.origin;
  return origin === undefined || origin === null ? null : (feed.nodes.get(origin)?.url ?? null);
}

/** What viewers speak: to us, or to a proxy before us whose URL we were told. */
export function schemeOf({ publicUrl, tlsFiles }: EdgeConfig): 'http' | 'https' {
  const speaksTls = publicUrl === null ? tlsFiles.length > 0 : publicUrl.startsWith('https:');
  return speaksTls ? 'https' : 'http';
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
