/** An edge that is replaced under load, beside nginx that is told to reload: what fails, and what is cut. */

import { setTimeout as delay } from 'node:timers/promises';
import { startLoneEdge } from '@headwater/test/fleet/lone-edge.ts';
import { startLoopbackServer } from '@headwater/test/fleet/loopback-server.ts';
import { type LoadObject, type Tally, startLoad } from '@headwater/test/fleet/steady-load.ts';
import type { Figure, FigureResult, Measured } from './figure.ts';
import { startNginx } from './nginx.ts';

const PER_SECOND = 500;
const RESTARTS = 5;
/** nginx does not say when new workers serve; they do within a fraction of this. */
const RELOAD_MS = 1_000;
const OBJECTS: readonly LoadObject[] = [1_500, 20_000, 100_000].map((bytes) => ({
  path: `/${bytes}`,
  body: Buffer.alloc(bytes, `${bytes} bytes `),
}));

export const restart: Figure = {
  name: 'restart',
  description:
    `${RESTARTS} restarts one after the other under ${PER_SECOND} requests a second of 1.5, 20 and 100 KB, half of them on connections\n` +
    `of their own, every byte compared. An edge is told SIGHUP and replaced whole; nginx is told SIGHUP and reloads.`,
  run: measure,
};

async function measure(): Promise<FigureResult> {
  await using origin = await startOrigin();
  const lines: Measured[] = [];
  for (const workers of [1, 2]) {
    await using edge = await startLoneEdge({ originUrl: origin.url, workers });
    const tally = await underLoad(edge.port, () => edge.restart());
    lines.push(...linesOf(`edge of ${workers}`, tally, { most: 0 }));
  }
  await using nginx = await startNginx(origin.url, { workers: 2 });
  const theirs = await underLoad(Number(new URL(nginx.url).port), async () => {
    process.kill(nginx.pid, 'SIGHUP');
    await delay(RELOAD_MS);
  });
  lines.push(...linesOf('nginx of 2', theirs, null));
  return { lines, appendix: { [`${nginx.version}, its whole configuration`]: nginx.configuration } };
}

async function underLoad(port: number, restartOnce: () => Promise<void>): Promise<Tally> {
  const load = startLoad({ port, objects: OBJECTS, perSecond: PER_SECOND });
  for (let time = 0; time < RESTARTS; time += 1) await restartOnce();
  return load.stop();
}

function linesOf(who: string, tally: Tally, bound: Measured['bound']): Measured[] {
  const { answered, failures, truncated, slowestMs, seconds, onFresh } = tally;
  const note = `${answered} in ${seconds.toFixed(1)} s, ${onFresh} on connections of their own`;
  return [
    { what: `${who}: answered`, value: answered / seconds, unit: 'requests/s', bound: null, note },
    { what: `${who}: failed`, value: failures.length, unit: 'requests', bound, note: failures[0] ?? '' },
    { what: `${who}: truncated`, value: truncated, unit: 'answers', bound, note: '' },
    { what: `${who}: the slowest`, value: slowestMs, unit: 'ms', bound: null, note: '' },
  ];
}

function startOrigin(): ReturnType<typeof startLoopbackServer> {
  return startLoopbackServer((request, response) => {
    const body = OBJECTS.find(({ path }) => path === request.url)?.body ?? Buffer.alloc(0);
    response.writeHead(200, { 'cache-control': 'max-age=600', 'content-length': body.length }).end(body);
  });
}
