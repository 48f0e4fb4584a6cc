/** An edge of one worker and of more, and nginx of as many: how much more they serve, at what cost. */

import { availableParallelism } from 'node:os';
import { cpuMicros, pin, residentBytes } from '@headwater/test/fleet/process-cost.ts';
import { quantile } from '@headwater/test/fleet/quantile.ts';
import { startZoneEdge } from '@headwater/test/fleet/zone-edge.ts';
import type { Figure, FigureResult, Measured } from './figure.ts';
import { startNginx } from './nginx.ts';
import { startSizedOrigin } from './sized-origin.ts';
import { askedOfOwner, measureHops } from './worker-hops.ts';
import { requireWrk, runWrk } from './wrk.ts';

const SIZES = [
  { name: '1.5 KB', bytes: 1_500 },
  { name: '100 KB', bytes: 100_000 },
  { name: '1 MB', bytes: 1_000_000 },
] as const;

const ROUNDS = 5;
const SECONDS = 2;
const WARM_SECONDS = 1;
const CONNECTIONS = 64;
/** Whatever is asked for stays in RAM. */
const RAM_BYTES = String(2 ** 31);

/** One server under test. */
interface Side {
  readonly name: string;
  readonly workers: number;
  readonly pid: number;
  readonly url: string;
}

interface Reading {
  readonly rate: number;
  readonly micros: number;
  readonly clientMicros: number;
}

export const workers: Figure = {
  name: 'workers',
  description:
    `Requests per second for a pull zone's cached object, and CPU of all of a server's processes per request (/proc/PID/stat).\n` +
    `${CONNECTIONS} keep-alive connections of wrk (one thread, on the last core; of as many workers as there are cores one shares\n` +
    `that core with it). ${ROUNDS} rounds of ${SECONDS} s each, by turns, after ${WARM_SECONDS} s of warm-up; medians. What more\n` +
    `workers are worth where the client is elsewhere is their number, times what one worker's request costs, divided by what theirs does.`,
  run: measure,
};

async function measure(): Promise<FigureResult> {
  requireWrk();
  const cores = availableParallelism();
  if (cores < 2) throw new Error('this figure wants two cores at least');
  await using origin = await startSizedOrigin();
  await using stack = new AsyncDisposableStack();
  const counts = cores > 2 ? [1, 2, cores] : [1, 2];
  const edges: (Side & { readonly adminUrl: string })[] = [];
  const others: Side[] = [];
  let configuration = '';
  for (const count of counts) {
    const variables = { HEADWATER_EDGE_WORKERS: String(count), HEADWATER_EDGE_RAM_BYTES: RAM_BYTES };
    const edge = stack.use(await startZoneEdge(origin.url, variables));
    const nginx = stack.use(await startNginx(origin.url.origin, { workers: count }));
    const used = `0-${Math.min(count, cores) - 1}`;
    pin(edge.pid, used);
    pin(nginx.pid, used);
    const shown = count === 1 ? '1 worker' : `${count} workers`;
    edges.push({ name: `edge, ${shown}`, workers: count, ...edge });
    others.push({ name: `nginx, ${shown}`, workers: count, ...nginx });
    configuration = nginx.configuration;
  }
  const [, two] = edges;
  if (two === undefined) throw new Error('no edge of two workers');
  const asked = await askedOfOwner(two);
  const lines: Measured[] = [];
  for (const { name, bytes } of SIZES) lines.push(...(await compare({ name, bytes, cores }, edges, others)));
  const note = 'of the edge with two, in all rounds above: once an object, where the other worker owns it';
  const hops = (await askedOfOwner(two)) - asked;
  lines.push({ what: 'hot objects asked of their owner', value: hops, unit: 'requests', bound: null, note });
  lines.push(...(await measureHops(two)));
  for (const { name, pid } of [...edges, ...others]) {
    lines.push({ what: `${name}: memory`, value: residentBytes(pid) / 2 ** 20, unit: 'MiB', bound: null, note: '' });
  }
  return { lines, appendix: { [`nginx's configuration with ${counts.at(-1)} workers`]: configuration } };
}

interface Size {
  readonly name: string;
  readonly bytes: number;
  readonly cores: number;
}

async function compare(size: Size, edges: readonly Side[], others: readonly Side[]): Promise<Measured[]> {
  const sides = [...edges, ...others];
  const readings = new Map(sides.map((side) => [side, [] as Reading[]]));
  for (const side of sides) await read(side, size, WARM_SECONDS);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const side of sides) readings.get(side)?.push(await read(side, size, SECONDS));
  }
  const median = (side: Side, of: (reading: Reading) => number): number =>
    quantile((readings.get(side) ?? []).map(of), 0.5);
  const perSide = sides.map((side): Measured => {
    const micros = median(side, (reading) => reading.micros).toFixed(1);
    const client = median(side, (reading) => reading.clientMicros).toFixed(1);
    const note = `${micros} µs a request, and ${client} µs of wrk`;
    const value = median(side, ({ rate }) => rate);
    return { what: `${size.name}: ${side.name}`, value, unit: 'requests/s', bound: null, note };
  });
  const gains = [edges, others].flatMap(([one, ...more]) =>
    more.map((side): Measured => {
      const what = `${size.name}: ${side.name} ÷ 1`;
      if (one === undefined) return { what, value: NaN, unit: '×', bound: null, note: '' };
      const value = median(side, ({ rate }) => rate) / median(one, ({ rate }) => rate);
      const worth = (side.workers * median(one, ({ micros }) => micros)) / median(side, ({ micros }) => micros);
      return { what, value, unit: '×', bound: null, note: `${worth.toFixed(2)}× where the client is elsewhere` };
    }),
  );
  return [...perSide, ...gains];
}

async function read({ pid, url }: Side, { bytes, cores }: Size, seconds: number): Promise<Reading> {
  const before = cpuMicros(pid);
  const client = { connections: CONNECTIONS, seconds, cores: String(cores - 1) };
  const { requests, seconds: took, clientMicros } = await runWrk({ url: `${url}/${bytes}`, ...client });
  const micros = (cpuMicros(pid) - before) / requests;
  return { rate: requests / took, micros, clientMicros: clientMicros / requests };
}
