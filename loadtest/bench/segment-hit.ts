/** A segment that is in the edge's RAM, with the token checked, beside nginx `proxy_cache`: CPU per request. */

import { availableParallelism } from 'node:os';
import { startFleet } from '@headwater/test/fleet/fleet.ts';
import { cpuMicros, pin } from '@headwater/test/fleet/process-cost.ts';
import { readWhole } from '@headwater/test/fleet/stream-reader.ts';
import { until } from '@headwater/test/fleet/until.ts';
import { readOverAndOver, type Readings } from './discarding-reader.ts';
import { quantile } from '@headwater/test/fleet/quantile.ts';
import type { Figure, FigureResult, Measured } from './figure.ts';
import { startNginx } from './nginx.ts';
import { startSyntheticOrigin } from '@headwater/test/fleet/synthetic-origin.ts';

const SIZES = [
  { name: '1.5 KB', bytes: 1_500 },
  { name: '100 KB', bytes: 100_000 },
  { name: '1 MB', bytes: 1_000_000 },
  { name: '4 MB', bytes: 4_000_000 },
] as const;

const PAIRS = 5;
const SECONDS = 2;
const WARM_SECONDS = 2;
const CONNECTIONS = 64;
/** The promise: not more than this many times nginx's CPU. */
const MOST_TIMES_NGINX = 2.5;

const SERVER_CORE = '0';
const CLIENT_CORE = '1';

/** One server under test. */
interface Side {
  readonly pid: number;
  readonly url: string;
}

export const segmentHit: Figure = {
  name: 'segment-hit',
  description:
    `CPU of the server's processes (/proc/PID/stat) per request for a segment it has cached; the edge also checks a token.\n` +
    `${CONNECTIONS} keep-alive connections, bodies discarded; the servers on core ${SERVER_CORE}, the client on core ` +
    `${CLIENT_CORE}; ${PAIRS} pairs of ${SECONDS} s each, edge and nginx by turns, after ${WARM_SECONDS} s of warm-up; medians.`,
  run: measure,
};

async function measure(): Promise<FigureResult> {
  const environment = { HEADWATER_LOG_LEVEL: 'warn' };
  await using fleet = await startFleet({ edges: 1, builtEdges: true, environment });
  await using origin = await startSyntheticOrigin(
    fleet,
    SIZES.map(({ bytes }) => bytes),
  );
  await using nginx = await startNginx(origin.url);
  const edge = fleet.services.get('edge-1');
  if (edge === undefined) throw new Error('there is no edge');
  const viewer = await fleet.admit(origin.stream);
  const cores = availableParallelism();
  if (cores < 2) throw new Error('this figure wants two cores: one for the server, one for the client');
  pin(edge.pid, SERVER_CORE);
  pin(nginx.pid, SERVER_CORE);
  pin(process.pid, CLIENT_CORE);
  using _unpin = { [Symbol.dispose]: () => pin(process.pid, `0-${cores - 1}`) };
  const lines: Measured[] = [];
  for (const size of SIZES) {
    const number = origin.numbers.get(size.bytes);
    const edgeUrl = `${fleet.plan.edgeUrls[0]}${viewer.path}/${origin.objectBase}/${number}.m4s`;
    const nginxUrl = `${nginx.url}/cmaf/${origin.stream}/${origin.objectBase}/${number}`;
    await sameBytes(edgeUrl, nginxUrl);
    lines.push(...(await compare(size.name, { pid: edge.pid, url: edgeUrl }, { pid: nginx.pid, url: nginxUrl })));
  }
  return { lines, appendix: { [`${nginx.version}, its whole configuration`]: nginx.configuration } };
}

/** Both serve the same object, and both have it cached now. */
async function sameBytes(edgeUrl: string, nginxUrl: string): Promise<void> {
  const ours = await until('the edge to have the object', 10_000, () => readWhole(edgeUrl));
  const theirs = await readWhole(nginxUrl);
  if (Buffer.compare(ours, theirs) !== 0) throw new Error(`${edgeUrl} and ${nginxUrl} differ`);
}

async function compare(size: string, edge: Side, nginx: Side): Promise<Measured[]> {
  for (const side of [edge, nginx])
    await readOverAndOver({ url: side.url, connections: CONNECTIONS, seconds: WARM_SECONDS });
  const ours: number[] = [];
  const theirs: number[] = [];
  const ratios: number[] = [];
  let last: Readings | undefined;
  for (let pair = 0; pair < PAIRS; pair += 1) {
    const mine = await costOf(edge);
    const other = await costOf(nginx);
    ours.push(mine.micros);
    theirs.push(other.micros);
    ratios.push(mine.micros / other.micros);
    last = mine.readings;
  }
  const [edgeMicros, nginxMicros] = [quantile(ours, 0.5), quantile(theirs, 0.5)];
  const spread = `of ${ratios.map((ratio) => ratio.toFixed(2)).join(' ')}`;
  const rate = last === undefined ? '' : `${Math.round(last.requests / last.seconds)} requests/s`;
  return [
    { what: `${size}: edge`, value: edgeMicros, unit: 'µs', bound: null, note: rate },
    { what: `${size}: nginx`, value: nginxMicros, unit: 'µs', bound: null, note: 'no token check' },
    {
      what: `${size}: edge ÷ nginx`,
      value: quantile(ratios, 0.5),
      unit: '×',
      bound: { most: MOST_TIMES_NGINX },
      note: spread,
    },
  ];
}

async function costOf(side: Side): Promise<{ micros: number; readings: Readings }> {
  const before = cpuMicros(side.pid);
  const readings = await readOverAndOver({ url: side.url, connections: CONNECTIONS, seconds: SECONDS });
  return { micros: (cpuMicros(side.pid) - before) / readings.requests, readings };
}
