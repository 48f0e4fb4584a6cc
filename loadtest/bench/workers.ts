/** An edge of one and of two workers, and nginx of one and of two: how much more they serve, at what cost. */

import { startFleet } from '@headwater/test/fleet/fleet.ts';
import type { ServicePlan } from '@headwater/test/fleet/fleet-plan.ts';
import { cpuMicros, residentBytes } from '@headwater/test/fleet/process-cost.ts';
import { quantile } from '@headwater/test/fleet/quantile.ts';
import { readWhole } from '@headwater/test/fleet/stream-reader.ts';
import { startSyntheticOrigin } from '@headwater/test/fleet/synthetic-origin.ts';
import { until } from '@headwater/test/fleet/until.ts';
import { readOverAndOver } from './discarding-reader.ts';
import type { Figure, FigureResult, Measured } from './figure.ts';
import { startNginx } from './nginx.ts';

const SIZES = [
  { name: '1.5 KB', bytes: 1_500 },
  { name: '100 KB', bytes: 100_000 },
  { name: '1 MB', bytes: 1_000_000 },
] as const;

const ROUNDS = 5;
const SECONDS = 2;
const WARM_SECONDS = 2;
const CONNECTIONS = 64;

/** One server under test. */
interface Side {
  readonly name: string;
  readonly pid: number;
  readonly url: (bytes: number) => string;
}

interface Reading {
  readonly rate: number;
  readonly micros: number;
}

export const workers: Figure = {
  name: 'workers',
  description:
    `Requests per second for a cached segment, and CPU of all of a server's processes per request (/proc/PID/stat); the edge\n` +
    `also checks a token. ${CONNECTIONS} keep-alive connections of one client, which has a core's worth of work itself and runs\n` +
    `on the same cores as the servers: of two cores the servers have what it leaves. ${ROUNDS} rounds of ${SECONDS} s each, by\n` +
    `turns, after ${WARM_SECONDS} s of warm-up; medians.`,
  run: measure,
};

async function measure(): Promise<FigureResult> {
  const environment = { HEADWATER_LOG_LEVEL: 'warn' };
  await using fleet = await startFleet({ edges: 2, builtEdges: true, environment, arrange: withWorkers });
  await using origin = await startSyntheticOrigin(
    fleet,
    SIZES.map(({ bytes }) => bytes),
  );
  await using one = await startNginx(origin.url);
  await using two = await startNginx(origin.url, { workers: 2 });
  const viewer = await fleet.admit(origin.stream);
  const edge = (index: number): Side => ({
    name: `edge, ${index + 1} workers`,
    pid: fleet.services.get(`edge-${index + 1}`)?.pid ?? 0,
    url: (bytes) => `${fleet.plan.edgeUrls[index]}${viewer.path}/${origin.objectBase}/${origin.numbers.get(bytes)}.m4s`,
  });
  const nginx = (count: number, { pid, url }: { pid: number; url: string }): Side => ({
    name: `nginx, ${count} workers`,
    pid,
    url: (bytes) => `${url}/cmaf/${origin.stream}/${origin.objectBase}/${origin.numbers.get(bytes)}`,
  });
  const sides = [edge(0), edge(1), nginx(1, one), nginx(2, two)];
  const lines: Measured[] = [];
  for (const { name, bytes } of SIZES) lines.push(...(await compare(name, bytes, sides)));
  for (const { name, pid } of sides) {
    lines.push({ what: `${name}: memory`, value: residentBytes(pid) / 2 ** 20, unit: 'MiB', bound: null, note: '' });
  }
  return { lines, appendix: { [`${two.version}, its configuration with two workers`]: two.configuration } };
}

function withWorkers(service: ServicePlan): ServicePlan {
  const count = /^edge-(\d)$/.exec(service.name)?.[1];
  if (count === undefined) return service;
  return { ...service, variables: { ...service.variables, HEADWATER_EDGE_WORKERS: count } };
}

async function compare(size: string, bytes: number, sides: readonly Side[]): Promise<Measured[]> {
  const readings = sides.map((): Reading[] => []);
  for (const side of sides) {
    await until(`${side.name} to have the object`, 10_000, () => readWhole(side.url(bytes)));
    await readOverAndOver({ url: side.url(bytes), connections: CONNECTIONS, seconds: WARM_SECONDS });
  }
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [index, side] of sides.entries()) readings[index]?.push(await read(side, bytes));
  }
  const rates = readings.map((each) =>
    quantile(
      each.map(({ rate }) => rate),
      0.5,
    ),
  );
  const [edgeOne = 0, edgeTwo = 0, nginxOne = 0, nginxTwo = 0] = rates;
  const perSide = sides.map(({ name }, index): Measured => {
    const micros = quantile(
      (readings[index] ?? []).map(({ micros: each }) => each),
      0.5,
    );
    const note = `${micros.toFixed(1)} µs a request`;
    return { what: `${size}: ${name}`, value: rates[index] ?? 0, unit: 'requests/s', bound: null, note };
  });
  const gain = (what: string, value: number): Measured => ({ what, value, unit: '×', bound: null, note: '' });
  return [
    ...perSide,
    gain(`${size}: edge, 2 workers ÷ 1`, edgeTwo / edgeOne),
    gain(`${size}: nginx, 2 workers ÷ 1`, nginxTwo / nginxOne),
  ];
}

async function read({ pid, url }: Side, bytes: number): Promise<Reading> {
  const before = cpuMicros(pid);
  const { requests, seconds } = await readOverAndOver({ url: url(bytes), connections: CONNECTIONS, seconds: SECONDS });
  return { rate: requests / seconds, micros: (cpuMicros(pid) - before) / requests };
}
