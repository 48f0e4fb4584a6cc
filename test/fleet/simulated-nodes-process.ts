/**
 * Many nodes in one process: each with an edge's own link to the control plane, and no media. What their feeds tell is noted
 * with its time, and read over HTTP:
 *
 *     GET /readyz               what a probe of theirs is answered
 *     GET /status               {"connected":N,"leastKnown":N}
 *     GET /heard?what=NAME      [Unix times in ms, one for each node that heard it]; NAME as of `namesOf`
 *
 *     node simulated-nodes-process.ts CONTROL_URL JOIN_TOKEN FIRST COUNT DIRECTORY
 */

import { createServer } from 'node:http';
import { join } from 'node:path';
import type { FeedMessage } from '@headwater/protocol/feed';
import { FeedState } from '@headwater/protocol/feed-state';
import type { Load } from '@headwater/protocol/node';
import { testNode } from '@headwater/protocol/test-node';
import { systemClock } from '@headwater/service/clock';
import { type FleetLink, startFleetLink } from '@headwater/service/fleet-link';
import { run } from '@headwater/service/lifecycle';
import { listen } from '@headwater/service/listen';
import { until } from './until.ts';

interface Simulated {
  readonly state: FeedState;
  readonly link: FleetLink & AsyncDisposable;
}

/** So many names of what was heard are kept. */
const NAMES = 1_000;
/** Each node has a disk and cores of its own in life: five hundred files of all nodes, written here, would be what is measured. */
const SAVE_DELAY_MS = 60_000;
const JOIN_AT_ONCE = 8;
const JOIN_DEADLINE_MS = 20_000;

const [controlUrl = '', joinToken = '', first = '', count = '', directory = ''] = process.argv.slice(2);
const heard = new Map<string, number[]>();
const nodes: Simulated[] = [];
let beats = 0;

process.exit(await run(start));

async function start(): Promise<AsyncDisposable> {
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    response.end(JSON.stringify(answer(url)));
  });
  const port = await listen(server, { port: 0, host: '127.0.0.1', variable: 'none' });
  process.stdout.write(`listening on ${port}\n`);
  // So many at a time, each until it is in: a fleet grows, it does not fall from the sky.
  const indexes = Array.from({ length: Number(count) }, (_, index) => Number(first) + index).values();
  await Promise.all(Array.from({ length: JOIN_AT_ONCE }, () => joinAll(indexes, port)));
  process.stdout.write('all joined\n');
  return {
    async [Symbol.asyncDispose]() {
      server.close().closeAllConnections();
      await Promise.all(nodes.map(({ link }) => link[Symbol.asyncDispose]()));
    },
  };
}

async function joinAll(indexes: Iterable<number>, port: number): Promise<void> {
  for (const index of indexes) {
    const node = await startNode(index, port);
    nodes.push(node);
    await until(`simulated-${index} to join`, JOIN_DEADLINE_MS, () => node.link.connected);
  }
}

async function startNode(index: number, port: number): Promise<Simulated> {
  const id = `simulated-${index}`;
  const state = new FeedState();
  const link = await startFleetLink({
    controlUrls: [controlUrl],
    joinToken,
    node: () => testNode({ id, url: `http://127.0.0.1:${port}`, failureDomain: `site-${index % 20}` }),
    load: () => loadOf(index),
    state,
    stateFile: join(directory, `${id}.json`),
    saveDelayMs: SAVE_DELAY_MS,
    clock: systemClock,
    log: () => undefined,
    onPage: ({ messages }) => messages.flatMap(namesOf).forEach(note),
  });
  return { state, link };
}

/** What is noted: orders to purge, and that a node is drained. */
function namesOf(message: FeedMessage): string[] {
  if (message.type === 'purge') return [`purge ${message.purge.id}`];
  return message.type === 'node' && message.node.draining ? [`drain ${message.node.id}`] : [];
}

function note(name: string): void {
  const times = heard.get(name) ?? [];
  times.push(systemClock.nowMs());
  heard.set(name, times);
  const oldest = heard.keys().next().value;
  if (heard.size > NAMES && oldest !== undefined) heard.delete(oldest);
}

/** Loads that differ, and move. */
function loadOf(index: number): Load {
  beats += 1;
  const wave = (1 + Math.sin(index + beats / Number(count) / 10)) / 2;
  return {
    cpu: wave,
    egressBytesPerSecond: 1e8 * wave,
    connections: Math.round(1_000 * wave),
    loopLagMs: 2 * wave,
    requestsPerSecond: 500 * wave,
    errorsPerSecond: 0,
  };
}

function answer({ pathname, searchParams }: URL): unknown {
  if (pathname === '/heard') return heard.get(searchParams.get('what') ?? '') ?? [];
  if (pathname !== '/status') return { status: 'ready' };
  return {
    connected: nodes.filter(({ link }) => link.connected).length,
    leastKnown: Math.min(...nodes.map(({ state }) => state.nodes.size)),
  };
}
