/** An edge's composition root. */

import type { FeedPage } from '@headwater/protocol/feed';
import { FeedState } from '@headwater/protocol/feed-state';
import { type Clock, systemClock } from '@headwater/service/clock';
import { closeServer } from '@headwater/service/close-server';
import { listen } from '@headwater/service/listen';
import { LoadMeter } from '@headwater/service/load-meter';
import { type Log, createLog } from '@headwater/service/log';
import { createAdminServer } from './admin.ts';
import type { EdgeConfig } from './config.ts';
import { joinFleet } from './join-fleet.ts';
import { removeStrays } from './workers/cache-directory.ts';
import { DRAIN_MS, schemeOf, startServing } from './start-serving.ts';

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
  /** Does what a page of the feed orders, once the feed has taken it in. */
  readonly carryOut: (page: FeedPage) => Promise<void>;
}

/** Starts an edge. It serves what it knew before even while no control plane answers. */
export async function startEdge(config: EdgeConfig, overrides: EdgeOverrides = {}): Promise<RunningEdge> {
  const { clock = systemClock, feed = new FeedState() } = overrides;
  const log = overrides.log ?? createLog({ service: 'edge', level: config.logLevel, nowMs: () => clock.nowMs() });
  if (config.limits.diskBytes > 0) await removeStrays(config.cacheDirectory, 1);
  const serving = await startServing(config, { clock, feed, log });
  const { port, metrics, events, readings, isReady } = serving;
  const admin = createAdminServer({
    metrics: () => metrics.format(),
    isReady,
    connections: config.limits.adminConnections,
  });
  const adminPort = await listen(admin, { port: config.adminPort, variable: 'HEADWATER_EDGE_ADMIN_PORT' });
  const url = config.publicUrl ?? `${schemeOf(config)}://${config.publicHost}:${port}`;
  const meter = new LoadMeter(clock);
  const state = { draining: false };
  events.started({ port, adminPort });
  const membership =
    overrides.feed !== undefined
      ? null
      : await joinFleet({
          config,
          feed,
          clock,
          log,
          url,
          readings: { ...readings, busy: () => meter.read() },
          draining: () => state.draining,
          onPage: carryOut,
          onHeard: () => serving.heard(),
        });
  async function carryOut(page: FeedPage): Promise<void> {
    for (const purged of await serving.carryOut(page)) events.purged(purged);
  }
  return {
    port,
    adminPort,
    url,
    carryOut,
    async [Symbol.asyncDispose]() {
      state.draining = true;
      await Promise.all([
        membership?.[Symbol.asyncDispose](),
        serving[Symbol.asyncDispose](),
        closeServer(admin, DRAIN_MS),
      ]);
      meter[Symbol.dispose]();
    },
  };
}
