/** The control plane put together: database, state, registry, feed, HTTP. */

import { type Server, createServer } from 'node:http';
import { join } from 'node:path';
import { getRequestListener } from '@hono/node-server';
import { type Clock, systemClock } from '@headwater/service/clock';
import { listen } from '@headwater/service/listen';
import { createLog } from '@headwater/service/log';
import { Metrics } from '@headwater/service/metrics';
import { refuseTunnel, refuseUnreadable } from '@headwater/service/problem-response';
import { createApp } from './app.ts';
import type { ControlPlaneConfig } from './config.ts';
import { openDatabase } from './database.ts';
import { type Events, createEvents } from './events.ts';
import { FEED_WAIT_MS, Feed } from './feed.ts';
import { keptToken } from './kept-token.ts';
import { ensurePathKey, promoteDueKey } from './path-key-rotation.ts';
import { openEmbeddedRegistry } from './registry/embedded-registry.ts';
import type { Registry } from './registry/registry.ts';
import { openSessionIssuer } from './session-issuer.ts';
import { openEmbeddedStore } from './state/embedded-store.ts';
import { openRedisStore } from './state/redis-store.ts';
import { State } from './state/state.ts';

/** Of a test. */
interface Overrides {
  readonly clock?: Clock;
  readonly writeLog?: (line: string) => void;
  readonly feedWaitMs?: number;
  readonly logLimit?: number;
}

/** A running control plane. */
export interface ControlPlane extends AsyncDisposable {
  readonly port: number;
  readonly adminToken: string;
  readonly joinToken: string;
}

const SWEEP_MS = 250;
const LOADS_MS = 2_000;
/** A request is there within these times, or its connection goes (node:http answers 408). */
const HEADERS_DEADLINE_MS = 5_000;
const REQUEST_DEADLINE_MS = 10_000;
/** Answers under way get this long when the control plane ends. */
const CLOSE_DEADLINE_MS = 1_000;

/** Starts on the configured port. Everything that an earlier process had answered for is there again. */
export async function startControlPlane(config: ControlPlaneConfig, overrides: Overrides = {}): Promise<ControlPlane> {
  const clock = overrides.clock ?? systemClock;
  const log = createLog({
    service: 'control-plane',
    level: config.logLevel,
    nowMs: () => clock.nowMs(),
    ...(overrides.writeLog === undefined ? {} : { write: overrides.writeLog }),
  });
  const metrics = new Metrics();
  const events = createEvents(log, metrics);
  const stopping = new AbortController();
  await using cleanup = new AsyncDisposableStack();

  const database = openDatabase(join(config.dataDir, 'control-plane', 'state.db'));
  cleanup.defer(() => database.close());
  const options = overrides.logLimit === undefined ? {} : { logLimit: overrides.logLimit };
  const { redisUrl: url } = config;
  const onAvailable: Events['storeChanged'] = (available, reason) => events.storeChanged(available, reason);
  const store =
    url === null ? openEmbeddedStore(database, options) : await openRedisStore({ url, clock, onAvailable, ...options });
  const state = new State(cleanup.use(store));
  const registry = cleanup.use(openEmbeddedRegistry({ database, clock, tell: (news) => state.append(news) }));
  await ensurePathKey(state);
  const signer = await openSessionIssuer(state);
  const feed = new Feed({
    state,
    registry,
    waitMs: overrides.feedWaitMs ?? FEED_WAIT_MS,
    waiterLimit: config.limits.waiters,
  });
  measure(metrics, feed, registry);

  const adminToken = config.adminToken ?? keptToken(join(config.dataDir, 'admin-token'));
  const joinToken = config.joinToken ?? keptToken(join(config.dataDir, 'join-token'));
  const services = { config, clock, events, state, registry, feed, signer, adminToken, joinToken };
  const app = createApp({ ...services, stopping: stopping.signal }, metrics);
  const answer = getRequestListener(app.fetch);
  const server = createServer(
    { headersTimeout: HEADERS_DEADLINE_MS, requestTimeout: REQUEST_DEADLINE_MS, connectionsCheckingInterval: 1_000 },
    (request, response) => void answer(request, response),
  );
  server.on('clientError', refuseUnreadable);
  server.on('connect', refuseTunnel);
  const port = await listen(server, { port: config.port, variable: 'HEADWATER_CONTROL_PORT' });
  cleanup.defer(() => closeServer(server));
  cleanup.defer(startChores({ state, registry, feed, clock, events }));
  // Those who wait are answered before the server waits for them.
  cleanup.defer(() => {
    stopping.abort();
    feed.close();
  });
  events.started(port, (await state.streams()).length, registry.members().length);
  const running = cleanup.move();
  return { port, adminToken, joinToken, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

interface Chores {
  readonly state: State;
  readonly registry: Registry;
  readonly feed: Feed;
  readonly clock: Clock;
  readonly events: Events;
}

/** What has to happen without being asked for. Returns what ends it. */
function startChores({ state, registry, feed, clock, events }: Chores): () => void {
  const timers = [
    setInterval(() => {
      registry.sweep().catch((error: unknown) => events.backgroundFailed('sweep', error));
      promoteDueKey(state, clock.nowMs()).catch((error: unknown) => events.backgroundFailed('promote', error));
    }, SWEEP_MS),
    setInterval(() => feed.tellLoads(), LOADS_MS),
  ];
  return () => timers.forEach((timer) => clearInterval(timer));
}

async function closeServer(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  server.closeIdleConnections();
  const late = setTimeout(() => server.closeAllConnections(), CLOSE_DEADLINE_MS);
  await closed;
  clearTimeout(late);
}

function measure(metrics: Metrics, feed: Feed, registry: Registry): void {
  metrics.gaugeFrom('headwater_control_feed_waiters', 'Feed polls that wait for news.', () => feed.waiting);
  metrics.gaugeFrom('headwater_control_nodes', 'Nodes in the fleet.', () => registry.members().length);
  metrics.gaugeFrom(
    'headwater_control_nodes_healthy',
    'Nodes heard of in the last three seconds.',
    () => registry.members().filter(({ record }) => record.healthy).length,
  );
}
