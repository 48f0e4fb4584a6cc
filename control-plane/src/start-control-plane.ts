/** The control plane put together: store, state, registry, fleet, feed, HTTP. */

import { createSecretKey, randomBytes } from 'node:crypto';
import { type Server, createServer } from 'node:http';
import { join } from 'node:path';
import { getRequestListener } from '@hono/node-server';
import { acceptAbsoluteForm } from '@headwater/service/absolute-form';
import { type Clock, systemClock } from '@headwater/service/clock';
import { closeServer } from '@headwater/service/close-server';
import { listen } from '@headwater/service/listen';
import { createLog } from '@headwater/service/log';
import { Metrics } from '@headwater/service/metrics';
import { capPipeline } from '@headwater/service/pipeline-cap';
import { refuseOddities, refuseUnhandled } from '@headwater/service/problem-response';
import { Admission } from './admission.ts';
import { Idempotency } from './api/idempotency.ts';
import { createApp } from './app.ts';
import { startChores } from './chores.ts';
import type { ControlPlaneConfig } from './config.ts';
import { openDatabase } from './database.ts';
import { openEnrolledNodes } from './enrolled-nodes.ts';
import { type Events, createEvents } from './events.ts';
import { FEED_WAIT_MS, Feed } from './feed.ts';
import { ConfigVersions } from './config-versions.ts';
import { Purges } from './purges.ts';
import { Fleet } from './fleet.ts';
import { keptToken } from './kept-token.ts';
import { openPeople } from './people/people.ts';
import type { HashCost } from './people/password-hash.ts';
import { createPeopleEvents } from './people/people-events.ts';
import { ensurePathKey } from './path-key-rotation.ts';
import { openConsulRegistry } from './registry/consul-registry.ts';
import { openEmbeddedRegistry } from './registry/embedded-registry.ts';
import type { Registry } from './registry/registry.ts';
import type { Services } from './services.ts';
import { openSessionIssuer } from './session-issuer.ts';
import { ShownCredentials } from './shown-credentials.ts';
import { openEmbeddedStore } from './state/embedded-store.ts';
import { FencedStore } from './state/fenced-store.ts';
import { patiently } from './state/patiently.ts';
import { openRedisStore } from './state/redis-store.ts';
import { State } from './state/state.ts';
import type { Store } from './state/store.ts';

/** Of a test. */
interface Overrides {
  readonly clock?: Clock;
  readonly writeLog?: (line: string) => void;
  readonly feedWaitMs?: number;
  readonly logLimit?: number;
  readonly storeDeadlineMs?: number;
  readonly hashCost?: HashCost;
}

/** A running control plane. */
export interface ControlPlane extends AsyncDisposable {
  readonly port: number;
  readonly adminToken: string;
  readonly joinToken: string;
}

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

  const store = cleanup.use(await openStore(config, { clock, events, overrides, cleanup }));
  const state = new State(store);
  const registry = cleanup.use(openRegistry(config, { store, clock, events }));
  const enrolled = cleanup.use(await openEnrolledNodes(store));
  const fleet = cleanup.use(new Fleet({ enrolled, registry, store, clock }));
  const { signer, credentialKey } = await patiently(() => openKeys(state));
  const credentials = new ShownCredentials(credentialKey);
  const waitMs = overrides.feedWaitMs ?? FEED_WAIT_MS;
  const feed = new Feed({ state, fleet, waitMs, waiterLimit: config.limits.waiters });
  const leaderStore = new FencedStore(store, () => registry.leadership);
  const admission = new Admission({
    fleet,
    enrolled,
    clock,
    store: leaderStore,
    random: Math.random,
    onAdmitted: (id) => events.nodeAdmitted(id),
  });
  const purges = cleanup.use(new Purges({ store, fleet, clock }));
  const idempotency = new Idempotency({ store, clock });
  const { hashCost } = overrides;
  const told = { events: createPeopleEvents(log, metrics), retention: config.audit };
  const people = cleanup.use(await patiently(() => openPeople({ state, clock, ...config, ...told, hashCost })));
  const configs = openConfigs({ store, leaderStore, registry, fleet, clock, events });
  measure(metrics, { feed, fleet, people });

  const adminToken = config.adminToken ?? keptToken(join(config.dataDir, 'admin-token'));
  const joinToken = config.joinToken ?? keptToken(join(config.dataDir, 'join-token'));
  const known = { state, registry, enrolled, fleet, admission, purges, configs, feed, people, idempotency, signer };
  const services = { config, clock, events, ...known, adminToken, joinToken, credentialKey, credentials };
  const app = createApp({ ...services, stopping: stopping.signal }, metrics);
  const server = openServer(app, config.limits);
  const port = await listen(server, { port: config.port, variable: 'HEADWATER_CONTROL_PORT' });
  cleanup.defer(() => closeServer(server, CLOSE_DEADLINE_MS));
  cleanup.defer(startChores({ ...services, stopping: stopping.signal }, leaderStore));
  // Those who wait are answered before the server waits for them.
  cleanup.defer(() => {
    stopping.abort();
    feed.close();
  });
  events.started(port, (await patiently(() => state.streams())).length, fleet.members().length);
  const running = cleanup.move();
  return { port, adminToken, joinToken, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

interface StoreParts {
  readonly clock: Clock;
  readonly events: Events;
  readonly overrides: Overrides;
  /** closes what the store stands on */
  readonly cleanup: AsyncDisposableStack;
}

async function openStore(
  config: ControlPlaneConfig,
  { clock, events, overrides, cleanup }: StoreParts,
): Promise<Store> {
  const onAvailable: Events['storeChanged'] = (available, reason) => events.storeChanged(available, reason);
  const { logLimit, storeDeadlineMs: deadlineMs } = overrides;
  const options = { onAvailable, ...(logLimit === undefined ? {} : { logLimit }) };
  if (config.redisUrl !== null) {
    const patience = deadlineMs === undefined ? {} : { deadlineMs };
    return openRedisStore({ url: config.redisUrl, clock, ...options, ...patience });
  }
  const database = openDatabase(join(config.dataDir, 'control-plane', 'state.db'));
  cleanup.defer(() => database.close());
  return openEmbeddedStore(database, options);
}

function openRegistry(
  { consulUrl: url, consulToken: token, replica }: ControlPlaneConfig,
  { store, clock, events }: { readonly store: Store; readonly clock: Clock; readonly events: Events },
): Registry {
  const onTrouble: Events['registryTrouble'] = (what, error) => events.registryTrouble(what, error);
  if (url === null) return openEmbeddedRegistry({ store, replica, clock, onTrouble });
  return openConsulRegistry({ url, token, replica, clock, onTrouble });
}

function openConfigs({
  registry,
  events,
  leaderStore,
  ...parts
}: Pick<Services, 'registry' | 'events' | 'fleet' | 'clock'> & {
  readonly store: Store;
  readonly leaderStore: Store;
}): ConfigVersions {
  const onVerdict = (scope: string, version: number, verdict: string): void =>
    events.configJudged(scope, version, verdict);
  const leader = { store: leaderStore, kv: registry.leaderKv, leads: () => registry.leadership.isLeader };
  return new ConfigVersions({ ...parts, kv: registry.kv, leader, onVerdict });
}

async function openKeys(state: State): Promise<Pick<Services, 'signer' | 'credentialKey'>> {
  await ensurePathKey(state);
  const signer = await openSessionIssuer(state);
  const secret = await state.secret('node-credential-key', () => randomBytes(32).toString('base64url'));
  return { signer, credentialKey: createSecretKey(secret, 'base64url') };
}

function openServer(app: ReturnType<typeof createApp>, limits: ControlPlaneConfig['limits']): Server {
  const answer = getRequestListener(app.fetch, { errorHandler: refuseUnhandled });
  const server = createServer(
    {
      headersTimeout: HEADERS_DEADLINE_MS,
      requestTimeout: REQUEST_DEADLINE_MS,
      connectionsCheckingInterval: 1_000,
      maxHeaderSize: limits.headerBytes,
      // Refused with a code, like every other Host that is none.
      requireHostHeader: false,
    },
    (request, response) => void answer(request, response),
  );
  server.maxConnections = limits.connections;
  refuseOddities(server);
  capPipeline(server);
  acceptAbsoluteForm(server);
  return server;
}

function measure(metrics: Metrics, { feed, fleet, people }: Pick<Services, 'feed' | 'fleet' | 'people'>): void {
  metrics.gaugeFrom('headwater_control_feed_waiters', 'Feed polls that wait for news.', () => feed.waiting);
  metrics.gaugeFrom(
    'headwater_control_audit_waiting',
    'Audit entries that wait for the store.',
    () => people.audit.waiting,
  );
  metrics.gaugeFrom(
    'headwater_control_hashes_waiting',
    'Log-ins that wait for their turn.',
    () => people.hasher.waiting,
  );
  metrics.gaugeFrom('headwater_control_nodes', 'Nodes in the fleet.', () => fleet.members().length);
  metrics.gaugeFrom(
    'headwater_control_nodes_healthy',
    'Nodes heard of in the last two and a half seconds.',
    () => fleet.members().filter(({ record }) => record.healthy).length,
  );
}
