/** geo's composition root. */

import type { Socket } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { loadWatchPage } from '@headwater/players/page';
import { FeedState } from '@headwater/protocol/feed-state';
import { IDLE_LOAD, type Load } from '@headwater/protocol/node';
import { type Clock, systemClock } from '@headwater/service/clock';
import { closeServer } from '@headwater/service/close-server';
import { startFleetLink } from '@headwater/service/fleet-link';
import { listen } from '@headwater/service/listen';
import { LoadMeter } from '@headwater/service/load-meter';
import { type Log, createLog } from '@headwater/service/log';
import { Metrics } from '@headwater/service/metrics';
import { describeNode } from '@headwater/service/node-identity';
import { refuseUnhandled } from '@headwater/service/problem-response';
import type { GeoConfig } from './config.ts';
import { Departures } from './departures.ts';
import type { DnsZone } from './dns-answer.ts';
import { type DnsServer, startDnsServer } from './dns-server.ts';
import { type Door, edgeHostsFor } from './door.ts';
import { type GeoEvents, createEvents } from './events.ts';
import { EdgeViews } from './edge-views.ts';
import { Probes } from './health.ts';
import { createGeoServer } from './http-server.ts';
import { openLocator } from './locate.ts';
import { UsedTokens } from './replay-guard.ts';
import { createRoutes } from './routes.ts';

export interface GeoOverrides {
  readonly clock?: Clock;
  readonly log?: Log;
  readonly state?: FeedState;
}

export interface Geo extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
}

const VERSION = '0.1.0';
/** Answers under way have so long to end. */
const DRAIN_MS = 2_000;

/** Starts geo. It serves what it knew before even while no control plane answers. */
export async function startGeo(config: GeoConfig, overrides: GeoOverrides = {}): Promise<Geo> {
  const { clock = systemClock, state = new FeedState() } = overrides;
  const log = overrides.log ?? createLog({ service: 'geo', level: config.logLevel, nowMs: () => clock.nowMs() });
  const metrics = new Metrics();
  const events = createEvents(log, metrics);
  const { databaseFile, asnFile, zonesFile, place: beside } = config;
  const sources = { databaseFile, asnFile, zonesFile, beside };
  const locator = await openLocator(sources, (file, error) => events.reloaded(file, error));
  const { locate } = locator;
  const { trustedProxies, audience, nodeId, limits } = config;
  const { probes, departures, edges } = watchEdges(nodeId, { state, clock, events });
  const known = { state, locate, edges, departures, clock };
  const door = { ...known, trustedProxies, audience, nodeId, replay: new UsedTokens(clock) };

  let stopping = false;
  const page = await loadWatchPage();
  const { urlBytes: urlLimitBytes } = limits;
  const routes = createRoutes({ door, edges, page, events, metrics, urlLimitBytes, ready: () => !stopping });
  const handle = getRequestListener(routes.fetch, { errorHandler: refuseUnhandled });
  const server = createGeoServer({
    limits,
    trustedProxies,
    onRequest: (request, response) => void handle(request, response),
    onConnectionRefused: () => events.connectionRefused(),
  });
  const port = await listen(server, { port: config.port, variable: 'HEADWATER_GEO_PORT' });
  const url = config.publicUrl ?? `http://${config.publicHost}:${port}`;
  events.started(port, url);

  const dns = config.dns === null ? null : await startDns(config, config.dns, { door, clock, events });

  const meter = new LoadMeter(clock);
  let connections = 0;
  server.on('connection', (socket: Socket) => {
    connections += 1;
    socket.once('close', () => (connections -= 1));
  });
  const link = await startFleetLink({
    controlUrls: config.controlUrls,
    joinToken: config.joinToken,
    stateFile: config.stateFile,
    state,
    clock,
    log,
    node: () => describeNode(config, { role: 'geo', url, version: VERSION }),
    load: (): Load => ({ ...IDLE_LOAD, ...meter.read(), connections }),
    draining: () => stopping,
  });
  return {
    port,
    url,
    async [Symbol.asyncDispose]() {
      stopping = true;
      meter[Symbol.dispose]();
      await probes[Symbol.asyncDispose]();
      await dns?.[Symbol.asyncDispose]();
      locator[Symbol.dispose]();
      await link[Symbol.asyncDispose]();
      await closeServer(server, DRAIN_MS);
    },
  };
}

/** What is found out of the edges, by asking them and by what players do. */
function watchEdges(
  nodeId: string,
  { state, clock, events }: { readonly state: FeedState; readonly clock: Clock; readonly events: GeoEvents },
): { readonly probes: Probes; readonly departures: Departures; readonly edges: EdgeViews } {
  const probes = new Probes({ state, onChange: (id, verdict) => events.edgeJudged(id, verdict) });
  const edgeCount = (): number => [...state.nodes.values()].filter(({ role }) => role === 'edge').length;
  const departures = new Departures({ clock, edgeCount, onLeft: (edge, networks) => events.edgeLeft(edge, networks) });
  return { probes, departures, edges: new EdgeViews({ state, clock, nodeId, probes, departures }) };
}

function startDns(
  config: GeoConfig,
  { zone, port }: NonNullable<GeoConfig['dns']>,
  { door, clock, events }: { readonly door: Door; readonly clock: Clock; readonly events: GeoEvents },
): Promise<DnsServer> {
  const edgeHosts = (address: string, stream: string): string[] => edgeHostsFor(address, stream, door);
  const serial = (): number => Math.floor(clock.nowMs() / 1_000);
  const served: DnsZone = { zone, serverHost: config.publicHost, edgeHosts, serial };
  return startDnsServer({ zone: served, port, clock, onAnswered: (how) => events.dnsAnswered(how) });
}
