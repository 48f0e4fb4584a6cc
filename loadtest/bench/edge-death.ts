/** How long viewers are still sent to an edge that died or hangs: a real geo, asked through its door all the while. */

import { once } from 'node:events';
import { mkdtempDisposable } from 'node:fs/promises';
import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { readConfig } from '@headwater/geo/src/config.ts';
import { startGeo } from '@headwater/geo/src/start-geo.ts';
import { FeedState } from '@headwater/protocol/feed-state';
import { testRecord } from '@headwater/protocol/test-node';
import { seeded } from '@headwater/protocol/test-random';
import { quantile } from '@headwater/test/fleet/quantile.ts';
import type { Figure, FigureResult } from './figure.ts';

const EDGES = 8;
/** In each round half of the edges die, every other one of them by hanging. */
const ROUNDS = 12;
/** Deaths fall anywhere between two probes. */
const SPREAD_MS = 1_000;
const ASK_EVERY_MS = 10;
const DEADLINE_MS = 10_000;
/** Fixed, so that a run can be repeated. */
const SEED = 20_261_128;

export const edgeDeath: Figure = {
  name: 'edge-death',
  description: `${(ROUNDS * EDGES) / 2} edges of a fleet of ${EDGES} die, one half by closing every connection and one by hanging, while their heartbeats still count; geo's door is asked every ${ASK_EVERY_MS} ms until it names them as down.`,
  run,
};

async function run(): Promise<FigureResult> {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'headwater-edge-death-'));
  await using stack = new AsyncDisposableStack();
  const edges = await Promise.all(Array.from({ length: EDGES }, async () => stack.use(await startEdge())));
  const state = new FeedState();
  const stream = { name: 'show', policy: 'public', keyHash: 'x', origin: 'origin-1', ladder: null } as const;
  const nodes = edges.map(
    ({ url }, index) => ({ type: 'node', node: testRecord({ id: `edge-${index}`, url }) }) as const,
  );
  state.apply({ cursor: '1', snapshot: true, messages: [{ type: 'stream', stream }, ...nodes] });
  const env = {
    HEADWATER_GEO_PORT: '0',
    HEADWATER_DATA_DIR: directory.path,
    HEADWATER_CONTROL_URL: 'http://127.0.0.1:9',
  };
  const geo = stack.use(await startGeo(readConfig(env), { state, log: () => {} }));

  const random = seeded(SEED);
  const tookMs: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    await until(geo.url, (down) => down.size === 0);
    const first = (round % 2) * (EDGES / 2);
    const dying = edges.slice(first, first + EDGES / 2).map(async (edge, index) => {
      await delay(random() * SPREAD_MS);
      const startMs = performance.now();
      if (index % 2 === 0) await edge.close();
      else edge.hang();
      await until(geo.url, (down) => down.has(`edge-${first + index}`));
      return performance.now() - startMs;
    });
    tookMs.push(...(await Promise.all(dying)));
    await Promise.all(edges.map((edge) => edge.revive()));
  }
  const note = `p50 ${Math.round(quantile(tookMs, 0.5))} ms, ${tookMs.length} deaths`;
  const value = quantile(tookMs, 0.99);
  return { lines: [{ what: 'out of every new answer: p99', value, unit: 'ms', bound: { most: 3_000 }, note }] };
}

/** Asks the door until the edges that it says are down are as wanted. */
async function until(geoUrl: string, isThere: (down: ReadonlySet<string>) => boolean): Promise<void> {
  for (const endMs = performance.now() + DEADLINE_MS; performance.now() < endMs; await delay(ASK_EVERY_MS)) {
    const answer = await fetch(`${geoUrl}/live/show/master.m3u8`, { headers: { accept: 'application/json' } });
    const { edges } = (await answer.json()) as { readonly edges: readonly { id: string; condition: string }[] };
    if (isThere(new Set(edges.filter(({ condition }) => condition === 'down').map(({ id }) => id)))) return;
  }
  throw new Error('geo never said so');
}

interface DyingEdge extends AsyncDisposable {
  readonly url: string;
  /** Nothing listens any more. */
  close(): Promise<void>;
  /** Takes requests and does not answer. */
  hang(): void;
  revive(): Promise<void>;
}

async function startEdge(): Promise<DyingEdge> {
  let isHanging = false;
  const server: Server = createServer((_, response) => {
    if (!isHanging) response.end();
  });
  const listen = async (port: number): Promise<void> => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  };
  const close = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  };
  await listen(0);
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close,
    hang: () => void (isHanging = true),
    async revive() {
      isHanging = false;
      if (!server.listening) await listen(port);
    },
    [Symbol.asyncDispose]: close,
  };
}
