/** What masses of requests for single bytes of a large object that is not there cost its origin, beside nginx by slices. */

import { once } from 'node:events';
import { Agent, type IncomingMessage, type ServerResponse, createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { seeded } from '@headwater/protocol/test-random';
import type { Figure, FigureResult } from './figure.ts';
import { startNginx } from './nginx.ts';
import { startZoneEdge } from '@headwater/test/fleet/zone-edge.ts';

const MIB = 1024 * 1024;
const LENGTH = 1024 * MIB;
const REQUESTS = 1_000;
const SEED = 20_261_128;
/** Its byte at a place is the place, by the remainder. */
const PATTERN = Buffer.from(Array.from({ length: 251 }, (_, at) => at));
const BYTES = Buffer.alloc(8 * MIB, PATTERN);
/** Of what nginx costs. */
const SHARE = 0.1;

export const rangeFlood: Figure = {
  name: 'range-flood',
  description:
    `${REQUESTS} single bytes at random places (seed ${SEED}) of an object of 1 GiB of which nothing is stored, one after another, ` +
    `and what each cache had its origin send for them. nginx: slice 1m.`,
  run: measure,
};

async function measure(): Promise<FigureResult> {
  await using origin = await startOrigin();
  await using edge = await startZoneEdge(origin.url);
  await using nginx = await startNginx(origin.url.origin, { bySlices: true });
  const costs: number[] = [];
  for (const url of [edge.url, nginx.url]) {
    origin.sentBytes = 0;
    await flood(`${url}/film`);
    costs.push(origin.sentBytes);
  }
  const [ours = 0, theirs = 0] = costs;
  const note = `for ${REQUESTS} bytes`;
  return {
    lines: [
      { what: 'fetched by the edge', value: ours / MIB, unit: 'MiB', bound: null, note },
      { what: 'fetched by nginx', value: theirs / MIB, unit: 'MiB', bound: null, note },
      { what: 'edge / nginx', value: ours / theirs, unit: '', bound: { most: SHARE }, note: '' },
    ],
    appendix: { [nginx.version]: nginx.configuration },
  };
}

const agent = new Agent({ keepAlive: true, maxSockets: 1 });

async function flood(url: string): Promise<void> {
  const random = seeded(SEED);
  for (let at = 0; at < REQUESTS; at += 1) {
    const byte = Math.floor(random() * LENGTH);
    const outgoing = get(url, { agent, headers: { range: `bytes=${byte}-${byte}` } });
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    const body = Buffer.concat((await response.toArray()) as Buffer[]);
    if (response.statusCode !== 206 || body.length !== 1 || body[0] !== byte % PATTERN.length)
      throw new Error(`byte ${byte} of ${url}: ${response.statusCode}, ${body.length} bytes`);
  }
}

interface Origin extends AsyncDisposable {
  readonly url: URL;
  sentBytes: number;
}

async function startOrigin(): Promise<Origin> {
  const answer = ({ headers }: IncomingMessage, response: ServerResponse): void => {
    const [, first = '0', last = ''] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '') ?? [];
    const from = Number(first);
    const end = Math.min(last === '' ? Infinity : Number(last) + 1, from + BYTES.length - PATTERN.length, LENGTH);
    const body = BYTES.subarray(from % PATTERN.length, (from % PATTERN.length) + end - from);
    origin.sentBytes += body.length;
    response.writeHead(206, {
      'cache-control': 'max-age=600',
      etag: '"1"',
      'content-range': `bytes ${from}-${end - 1}/${LENGTH}`,
      'content-length': body.length,
    });
    response.end(body);
  };
  const server = createServer(answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin: Origin = {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    sentBytes: 0,
    async [Symbol.asyncDispose]() {
      agent.destroy();
      server.closeAllConnections();
      await server[Symbol.asyncDispose]();
    },
  };
  return origin;
}
