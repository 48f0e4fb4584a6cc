/** How fast a purge takes effect on every edge of a fleet. */

import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startFleet } from '@headwater/test/fleet/fleet.ts';
import { purgeOverAndOver } from '@headwater/test/fleet/purge-rounds.ts';
import { quantile } from '@headwater/test/fleet/quantile.ts';
import { startSimulatedNodes } from '@headwater/test/fleet/simulated-nodes.ts';
import type { Figure, FigureResult } from './figure.ts';

const REAL = 10;
const SIMULATED = 40;
const PURGES = 120;

export const purgeEffect: Figure = {
  name: 'purge-effect',
  description:
    `${PURGES} purges, one after the other, on ${REAL + SIMULATED} edges on this machine: ${REAL} are whole processes, each with ` +
    `an object cached that is then gone; ${SIMULATED} are an edge's own feed client alone.`,
  run: measure,
};

async function measure(): Promise<FigureResult> {
  await using fleet = await startFleet({ edges: REAL, without: ['origin'], builtEdges: true });
  await using directory = await mkdtempDisposable(join(tmpdir(), 'headwater-purges-'));
  const { controlUrl, joinToken } = fleet.plan;
  const options = { controlUrl, joinToken, count: SIMULATED, directory: directory.path };
  await using nodes = await startSimulatedNodes(options);
  // geo is of the fleet, too.
  await nodes.settled(REAL + SIMULATED + 1, 30_000);
  const rounds = await purgeOverAndOver(fleet, nodes, PURGES);
  const effects = rounds.map(({ effectMs }) => effectMs);
  const note = `p50 ${quantile(effects, 0.5)} ms, most ${quantile(effects, 1)} ms; the last: ${rounds.at(-1)?.told}`;
  const value = quantile(effects, 0.99);
  return { lines: [{ what: 'effect on every edge: p99', value, unit: 'ms', bound: { most: 200 }, note }] };
}
