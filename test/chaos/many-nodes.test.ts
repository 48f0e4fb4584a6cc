/** Five hundred nodes over a real Consul and Redis: what they cost the control plane, and how fast Consul's word reaches them. */

import assert from 'node:assert/strict';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { startTestConsul, type TestConsul } from '@headwater/control-plane/src/test-consul.ts';
import { startTestRedis, type TestRedis } from '@headwater/control-plane/src/test-redis.ts';
import { startFleet, type Fleet } from '../fleet/fleet.ts';
import { cpuMicros } from '../fleet/process-cost.ts';
import { quantile } from '../fleet/quantile.ts';
import { type SimulatedNodes, startSimulatedNodes } from '../fleet/simulated-nodes.ts';
import { until } from '../fleet/until.ts';

const SIMULATED = 500;
const REAL = 3;
const ALL = SIMULATED + REAL;
const WATCHED_MS = 20_000;
/** Of a core. */
const CPU_LIMIT = 0.3;
const DRAINS = 20;
const EFFECT_LIMIT_MS = 500;

suite('five hundred nodes', () => {
  const cleanup = new AsyncDisposableStack();
  let consul: TestConsul;
  let redis: TestRedis;
  let fleet: Fleet;
  let nodes: SimulatedNodes;
  before(async () => {
    consul = cleanup.use(await startTestConsul());
    redis = cleanup.use(await startTestRedis());
    const environment = { CONSUL_HTTP_ADDR: consul.url, REDIS_URL: redis.url };
    fleet = cleanup.use(await startFleet({ edges: REAL, without: ['geo', 'origin'], environment }));
    const directory = await mkdtempDisposable(join(tmpdir(), 'headwater-nodes-'));
    cleanup.defer(() => directory.remove());
    const { controlUrl, joinToken } = fleet.plan;
    const options = { controlUrl, joinToken, count: SIMULATED, directory: directory.path };
    nodes = cleanup.use(await startSimulatedNodes(options));
    await nodes.settled(ALL, 120_000);
    await until('Consul to have heard all of them', 30_000, async () => (await passing()) === ALL);
  });
  after(() => cleanup.disposeAsync());

  async function passing(): Promise<number> {
    return ((await consul.ask('/health/service/headwater-node?passing=true')) as readonly unknown[]).length;
  }

  test(`${SIMULATED} nodes at 1 Hz: < 30% of a core`, async (context) => {
    const pid = fleet.services.get('control-plane')?.pid ?? 0;
    const before = { micros: cpuMicros(pid), ms: performance.now() };
    let lapses = 0;
    await until('time passes', 2 * WATCHED_MS, async () => {
      lapses += ((await consul.ask('/health/state/critical')) as readonly unknown[]).length;
      return performance.now() - before.ms > WATCHED_MS;
    });
    const share = (cpuMicros(pid) - before.micros) / 1_000 / (performance.now() - before.ms);
    context.diagnostic(`${(share * 100).toFixed(1)}% of a core, and ${lapses} heartbeats came too late for Consul`);
    assert.equal(lapses, 0);
    assert.ok(share < CPU_LIMIT);
  });

  test(`a change in Consul reaches ${SIMULATED} nodes in < ${EFFECT_LIMIT_MS} ms`, async (context) => {
    const effects: number[] = [];
    // Taken out of service in Consul itself, one after the other, each until all others know.
    for (let index = 0; index < DRAINS; index += 1) {
      const id = `simulated-${index}`;
      const startMs = Date.now();
      await consul.ask(`/agent/service/maintenance/${id}?enable=true`, { method: 'PUT' });
      const times = await until(`all to know of ${id}`, 10_000, async () => {
        const heard = await nodes.heard(`drain ${id}`);
        return heard.length === SIMULATED && heard;
      });
      effects.push(Math.max(...times) - startMs);
    }
    const [p50 = 0, p95 = 0, most = 0] = [0.5, 0.95, 1].map((share) => quantile(effects, share));
    context.diagnostic(`the last of ${SIMULATED} nodes knew after ${p50} ms (p50), ${p95} ms (p95), ${most} ms (most)`);
    assert.ok(most < EFFECT_LIMIT_MS);
  });
});
