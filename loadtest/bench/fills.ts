/** Who waits how long for an object that comes in slowly, and what becomes of it when its origin dies, beside Varnish and nginx. */

import { once } from 'node:events';
import { type IncomingMessage, type ServerResponse, Agent, createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { seeded } from '@headwater/protocol/test-random';
import { quantile } from '@headwater/test/fleet/quantile.ts';
import type { Figure, FigureResult, Measured } from './figure.ts';
import { startNginx } from './nginx.ts';
import { startVarnish } from './varnish.ts';
import { startZoneEdge } from '@headwater/test/fleet/zone-edge.ts';

const BODY = Buffer.alloc(1_000_000, 'headwater ');
const PIECES = 20;
const PIECE_MS = 50;
const ROUNDS = 7;
const WARM_ROUNDS = 20;
const JOINERS = 50;
const CROWD = 1_000;
const DEATHS = 20;
const READERS = 21;
const SEED = 20_261_128;

export const fills: Figure = {
  name: 'fills',
  description:
    `An object of 1 MB that its origin writes in ${PIECES} pieces, ${PIECE_MS} ms apart, each time under a new name. ` +
    `${JOINERS} join the first reader at once and one 500 ms later; edge, Varnish and nginx (proxy_cache_lock) by turns, ` +
    `${ROUNDS} rounds of servers that have just started, and ${ROUNDS} after ${WARM_ROUNDS} of an origin that is not slow; ` +
    `medians.\n` +
    `Then ${CROWD} ask for one cold object at once; one reader takes nothing while ${READERS - 1} ` +
    `others read; ${READERS} read while the origin dies at a random byte, ${DEATHS} times (seed ${SEED}).`,
  run: measure,
};

interface Origin extends AsyncDisposable {
  readonly url: URL;
  readonly asked: Map<string, number>;
}

async function measure(): Promise<FigureResult> {
  await using origin = await startOrigin();
  await using edge = await startZoneEdge(origin.url);
  await using varnish = await startVarnish(origin.url);
  await using nginx = await startNginx(origin.url.origin);
  const joins = await compareJoins({ edge: edge.url, varnish: varnish.url, nginx: nginx.url });
  const lines = [...joins, ...(await crowd(edge.url, origin)), ...(await slowReader(edge.url))];
  for (const [name, url] of [
    ['edge', edge.url],
    ['varnish', varnish.url],
  ] as const)
    lines.push(await deaths(name, url));
  return {
    lines,
    appendix: {
      [`${varnish.version}, its whole configuration`]: varnish.configuration,
      [nginx.version]: nginx.configuration,
    },
  };
}

async function compareJoins(servers: Readonly<Record<string, string>>): Promise<Measured[]> {
  const started = await measureJoins(servers, 'started');
  for (const url of Object.values(servers)) {
    for (let round = 0; round < WARM_ROUNDS; round += 1) {
      await Promise.all(Array.from({ length: JOINERS }, () => read(`${url}/quick/${round}`)));
    }
  }
  const warm = await measureJoins(servers, 'warm');
  const names = Object.keys(servers);
  const line = (what: string, value: number, bound: Measured['bound'] = null): Measured => ({
    what,
    value,
    unit: 'ms',
    bound,
    note: '',
  });
  return [
    ...names.map((name) => line(`joiner's first byte, just started: ${name}`, started.joiner(name))),
    ...names.map((name) => line(`joiner's first byte: ${name}`, warm.joiner(name))),
    line(`joiner's first byte: edge − Varnish`, warm.joiner('edge') - warm.joiner('varnish'), { most: 10 }),
    ...names.map((name) =>
      line(`late joiner's first byte: ${name}`, warm.late(name), name === 'edge' ? { most: 5 } : null),
    ),
  ];
}

/** Medians of what those wait who come after the first reader. */
interface Joins {
  joiner(server: string): number;
  late(server: string): number;
}

async function measureJoins(servers: Readonly<Record<string, string>>, when: string): Promise<Joins> {
  const joined: Record<string, number[]> = {};
  const late: Record<string, number[]> = {};
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [name, url] of Object.entries(servers)) {
      const target = `${url}/slow/${when}-${round}`;
      const first = read(target);
      const others = Array.from({ length: JOINERS }, () => read(target));
      await sleep(PIECE_MS * 10);
      const last = read(target);
      const waits = await Promise.all(others);
      const firstBytesMs = waits.map(({ firstByteMs }) => firstByteMs);
      (joined[name] ??= []).push(quantile(firstBytesMs, 0.5));
      (late[name] ??= []).push((await last).firstByteMs);
      await first;
    }
  }
  return {
    joiner: (server) => quantile(joined[server] ?? [], 0.5),
    late: (server) => quantile(late[server] ?? [], 0.5),
  };
}

async function crowd(edgeUrl: string, origin: Origin): Promise<Measured[]> {
  const answers = await Promise.all(Array.from({ length: CROWD }, () => read(`${edgeUrl}/slow/crowd`)));
  const whole = answers.filter(({ body }) => body === BODY.length).length;
  return [
    {
      what: `${CROWD} ask at once: fetches`,
      value: origin.asked.get('/slow/crowd') ?? 0,
      unit: '',
      bound: { least: 1, most: 1 },
      note: `${whole} of ${CROWD} whole`,
    },
  ];
}

async function slowReader(edgeUrl: string): Promise<Measured[]> {
  const took: number[][] = [[], []];
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const withSlow of [0, 1]) {
      const target = `${edgeUrl}/slow/reader-${round}-${withSlow}`;
      const slow = withSlow === 1 ? await openAndStop(target) : null;
      const others = await Promise.all(Array.from({ length: READERS - 1 }, () => read(target)));
      took[withSlow]?.push(
        quantile(
          others.map(({ wholeMs }) => wholeMs),
          1,
        ),
      );
      slow?.destroy();
    }
  }
  const [alone = 0, beside = 0] = took.map((times) => quantile(times, 0.5));
  const note = `${alone.toFixed(0)} ms without, ${beside.toFixed(0)} ms with one that reads nothing`;
  return [{ what: 'a slow first reader adds', value: beside - alone, unit: 'ms', bound: { most: 50 }, note }];
}

async function deaths(name: string, url: string): Promise<Measured> {
  let whole = 0;
  for (let death = 0; death < DEATHS; death += 1) {
    const answers = await Promise.all(Array.from({ length: READERS }, () => read(`${url}/dies/${name}-${death}`)));
    whole += answers.filter(({ body }) => body === BODY.length).length;
  }
  const all = DEATHS * READERS;
  const bound = name === 'edge' ? { least: all } : null;
  return { what: `whole bodies of ${all} when the origin dies: ${name}`, value: whole, unit: '', bound, note: '' };
}

interface Reading {
  readonly firstByteMs: number;
  readonly wholeMs: number;
  /** bytes that came, right ones only; -1 where one was wrong */
  readonly body: number;
}

const agent = new Agent({ keepAlive: false });

/** Reads to the end or until it is cut off. */
function read(url: string): Promise<Reading> {
  const startedMs = performance.now();
  return new Promise((resolve) => {
    let firstByteMs = Infinity;
    let body = 0;
    const over = (): void => resolve({ firstByteMs, wholeMs: performance.now() - startedMs, body });
    const outgoing = get(url, { agent }, (response) => {
      response.on('data', (piece: Buffer) => {
        if (body === 0) firstByteMs = performance.now() - startedMs;
        const isRight = body >= 0 && piece.equals(BODY.subarray(body, body + piece.length));
        body = isRight ? body + piece.length : -1;
      });
      response.once('close', over);
      response.on('error', () => undefined);
    });
    outgoing.once('error', over);
  });
}

async function openAndStop(url: string): Promise<IncomingMessage> {
  const outgoing = get(url, { agent });
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  response.on('error', () => undefined);
  return response.pause();
}

async function startOrigin(): Promise<Origin> {
  const asked = new Map<string, number>();
  const random = seeded(SEED);
  const server = createServer((request, response) => {
    const { url = '' } = request;
    asked.set(url, (asked.get(url) ?? 0) + 1);
    if (url.startsWith('/quick/')) return void response.writeHead(200, HEAD).end(BODY);
    if (url.startsWith('/slow/')) return void writeSlowly(response);
    if (url.startsWith('/dies/')) return dieOnce(request, response, asked.get(url) === 1 ? random() : null);
    response.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const HEAD = { 'cache-control': 'max-age=600', etag: '"1"', 'accept-ranges': 'bytes', 'content-length': BODY.length };

async function writeSlowly(response: ServerResponse): Promise<void> {
  response.writeHead(200, HEAD);
  const size = BODY.length / PIECES;
  for (let piece = 0; piece < PIECES && !response.destroyed; piece += 1) {
    response.write(BODY.subarray(piece * size, (piece + 1) * size));
    await sleep(PIECE_MS);
  }
  response.end();
}

/** Breaks off at a random byte the first time; then it answers, ranges too. */
function dieOnce({ headers }: IncomingMessage, response: ServerResponse, at: number | null): void {
  const [, first] = /^bytes=(\d+)-/.exec(headers.range ?? '') ?? [];
  if (first !== undefined) {
    const range = `bytes ${first}-${BODY.length - 1}/${BODY.length}`;
    response.writeHead(206, { ...HEAD, 'content-range': range, 'content-length': BODY.length - Number(first) });
    return void response.end(BODY.subarray(Number(first)));
  }
  response.writeHead(200, HEAD);
  if (at === null) return void response.end(BODY);
  response.write(BODY.subarray(0, Math.floor(at * BODY.length)), () => setTimeout(() => response.destroy(), 20));
}
