/** A purge takes effect on every edge, and says so. */

import assert from 'node:assert/strict';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startFleet } from '../fleet/fleet.ts';
import type { ServicePlan } from '../fleet/fleet-plan.ts';
import { purgeOverAndOver } from '../fleet/purge-rounds.ts';
import { quantile } from '../fleet/quantile.ts';
import { startSimulatedNodes } from '../fleet/simulated-nodes.ts';

const REAL = 3;
const SIMULATED = 17;
const ALL = REAL + SIMULATED;
const PURGES = 20;
const EFFECT_LIMIT_MS = 200;

/** The first edge is one of several processes. */
function withWorkers(service: ServicePlan): ServicePlan {
  if (service.name !== 'edge-1') return service;
  return { ...service, variables: { ...service.variables, HEADWATER_EDGE_WORKERS: '2' } };
}

test('what an edge had cached is gone from all of them in < 200 ms, and each has acknowledged it', async (context) => {
  await using fleet = await startFleet({ edges: REAL, without: ['origin'], arrange: withWorkers });
  await using directory = await mkdtempDisposable(join(tmpdir(), 'headwater-purges-'));
  const { controlUrl, joinToken } = fleet.plan;
  await using nodes = await startSimulatedNodes({ controlUrl, joinToken, count: SIMULATED, directory: directory.path });
  await nodes.settled(ALL + 1, 30_000);
  const rounds = await purgeOverAndOver(fleet, nodes, PURGES);
  const effects = rounds.map(({ effectMs }) => effectMs);
  const [p50, most] = [quantile(effects, 0.5), quantile(effects, 1)];
  context.diagnostic(`${p50} ms (p50), ${most} ms (most) of ${PURGES}; ${rounds.at(-1)?.told}`);
  for (const { told } of rounds) assert.match(told, new RegExp(`^purge \\S+: ${ALL}/${ALL} in \\d+ ms$`));
  assert.ok(p50 < EFFECT_LIMIT_MS);
});
