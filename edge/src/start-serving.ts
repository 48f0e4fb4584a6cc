/** What answers viewers in this process: the listener, and behind it cache, fills and views. */

import type { Server } from 'node:net';
import type { FeedPage } from '@headwater/protocol/feed';
import type { FeedState } from '@headwater/protocol/feed-state';
import type { Clock } from '@headwater/service/clock';
import { listen } from '@headwater/service/listen';
import type { Log } from '@headwater/service/log';
import { Metrics } from '@headwater/service/metrics';
import { assembleMedia } from './assemble-media.ts';
import { Gate } from './authorise.ts';
import { type Certificates, openCertificates } from './certificates.ts';
import type { EdgeConfig } from './config.ts';
import { createDeliveryEvents } from './delivery-events.ts';
import type { Edge } from './edge.ts';
import { type EdgeEvents, createEvents } from './events.ts';
import { type FrontEvents, createFrontEvents } from './front-events.ts';
import { createViewerServer } from './http-server.ts';
import type { Readings } from './join-fleet.ts';
import { Peers } from './peers.ts';
import { type Purged, purgeAfter } from './purge.ts';
import { cacheStatuses } from './reply.ts';
import { RequestRate, handshakesPerSecond } from './request-rate.ts';
import { serve } from './serve.ts';
import { assembleParents } from './upstream/assemble-parents.ts';
import { LiveSources } from './upstream/live-sources.ts';
import { Waiters } from './waiters.ts';
import { joinTeam } from './workers/join-team.ts';
import type { NamedObject, OnForget, Team } from './workers/team.ts';
import { type Zones, assembleZones } from './zone/assemble-zones.ts';

/** Answers under way have so long to end. */
export const DRAIN_MS = 2_000;
/** What has been replaced ends its answers in so long: a segment of 8 Mbit at the rate at which it is played, many times over. */
const RETIRE_MS = 60_000;

/** What it serves by and tells to. */
interface Surroundings {
  readonly clock: Clock;
  readonly feed: FeedState;
  readonly log: Log;
  /** the other workers, where there are any */
  readonly team?: Team;
  /** the socket to listen on, of the process that this one replaces */
  readonly listener?: object;
  /** Has all forget objects that a request has changed, `here` this process; comes back when they have. */
  readonly onForget?: OnForget;
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
  /**
   * Does what a page orders, once the feed has taken it in.
   * @param isDone false when it is to be done once more, because others of this node have not done it yet
   */
  carryOut(page: FeedPage, isDone?: boolean): Promise<readonly Purged[]>;
  /** All that was ordered up to now has been carried out. */
  heard(): void;
  readonly server: Server;
  /** Lets another process have the disk. */
  releaseDisk(): Promise<void>;
  /** Takes no new connection, and answers on those that are open once more; comes back when all are closed. */
  retire(): Promise<void>;
  /** Forgets objects of pull zones that a request has changed. */
  forget(objects: readonly NamedObject[]): Promise<void>;
}

/** Listens to viewers. */
export async function startServing(config: EdgeConfig, surroundings: Surroundings): Promise<Serving> {
  const { clock, feed, log, team, listener, missed = [], onForget } = surroundings;
  const metrics = new Metrics();
  const events = createEvents(log, metrics);
  const state = { draining: false };
  const isReady = (): boolean => !state.draining && knowsEnough(config, feed.cursor !== null);
  const parts = { clock, feed, log, metrics, events, isReady, team, onForget };
  const { edge, zones, closeMedia } = await assemble(config, parts);
  const { connections, connectionsPerAddress, headerBytes, idleMs, requestsPerSecondPerAddress } = config.limits;
  const handshakes = new RequestRate(handshakesPerSecond(requestsPerSecondPerAddress, team?.tally.workers ?? 1), clock);
  const certificates = await loadCertificates(config, createFrontEvents(log, metrics));
  const viewers = createViewerServer({
    connections,
    connectionsPerAddress,
    mayShakeHands: (socket) => handshakes.admit(socket),
    others: team?.tally,
    headerBytes,
    idleMs,
    certificates,
    onRequest: (request, response) => serve(edge, request, response),
    onConnectionRefused: () => events.connectionRefused(),
  });
  const open = countConnections(viewers.server);
  const carryOut = async (page: FeedPage, isDone = true): Promise<readonly Purged[]> => {
    const zonesPurged = zones.purgeAfter(page);
    const purged = purgeAfter(page, edge);
    await zonesPurged;
    if (isDone) edge.purges.take(page);
    return purged;
  };
  for (const page of missed) await carryOut(page);
  const leaveTeam = team === undefined ? undefined : await joinTeam(team, edge);
  const port = await listen(viewers.server, {
    port: config.port,
    variable: 'HEADWATER_EDGE_PORT',
    reusePort: team !== undefined,
    ...(listener === undefined ? {} : { listener }),
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
    heard: () => edge.purges.heard(),
    server: viewers.server,
    releaseDisk: () => zones.releaseDisk(),
    async retire() {
      state.draining = true;
      await viewers.retire(RETIRE_MS);
    },
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
async function loadCertificates(
  { tlsFiles, ticketKeys }: EdgeConfig,
  events: FrontEvents,
): Promise<Certificates | null> {
  if (tlsFiles.length === 0) return null;
  return openCertificates({
    files: tlsFiles,
    ticketKeys,
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
  readonly onForget: OnForget | undefined;
}

interface Assembly {
  readonly edge: Edge;
  readonly zones: Zones;
  readonly closeMedia: () => Promise<void>;
}

/** Cache, fills, views and the origin's client, tied together. */
async function assemble(
  config: EdgeConfig,
  { clock, feed, log, metrics, events, isReady, team, onForget }: Parts,
): Promise<Assembly> {
  const { limits } = config;
  const { parents, passes, purges, upstreamEvents } = assembleParents(
    config,
    { clock, feed, log, metrics },
    ownUrlOf(config),
  );
  const sources = new LiveSources({
    nodeId: config.nodeId,
    parents,
    events: upstreamEvents,
    sibling: (stream) => team?.ownership.elsewhere(stream) ?? null,
    locate: (stream) => locateOrigin(feed, stream),
  });
  const socketOf = (hostname: string): string | null => team?.ownership.socketOf(hostname) ?? null;
  const media = assembleMedia({ limits, sources, socketOf, clock, events });
  const scheme = schemeOf(config);
  const waiters = new Waiters(limits.waiters);
  const around = { clock, feed, log, metrics, waiters, parents, upstreamEvents, scheme, team, onForget };
  const zones = await assembleZones(config, { ...around, share: media.share, unsent: media.unsent });
  media.share.divide(media.cache, zones);
  const rate = new RequestRate(limits.requestsPerSecondPerAddress, clock, { others: team?.tally ?? null });
  team?.tally.watchRequests((address, requests) => rate.count(address, requests));
  const edge: Edge = {
    id: config.nodeId,
    scheme,
    audience: config.audience,
    feed,
    ...media,
    gate: new Gate(feed),
    peers: new Peers({ feed, ownId: config.nodeId, clock, isGone: (baseUrl) => parents.isGone(baseUrl) }),
    events,
    clock,
    isReady,
    limits,
    statuses: cacheStatuses(config.nodeId),
    waiters,
    rate,
    deliveries: createDeliveryEvents(log, metrics),
    passes,
    purges,
    zones,
  };
  async function closeMedia(): Promise<void> {
    parents[Symbol.dispose]();
    await media.close();
  }
  return { edge, zones, closeMedia };
}

/** Where a stream's origin is, as the feed told last. */
function locateOrigin(feed: FeedState, stream: string): string | null {
  const origin = feed.streams.get(stream)?.origin;
  return origin === undefined || origin === null ? null : (feed.nodes.get(origin)?.url ?? null);
}

/** As others name it; null for a port that nobody knows before it is bound. */
function ownUrlOf(config: EdgeConfig): string | null {
  const { publicUrl, publicHost, port } = config;
  if (publicUrl !== null) return new URL(publicUrl).origin;
  return port === 0 ? null : new URL(`${schemeOf(config)}://${publicHost}:${port}`).origin;
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
    unsentAnswers: () => edge.unsent.waiting,
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
