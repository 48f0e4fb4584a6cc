/** What is ordered, or changed by a request, while one generation of an edge replaces another holds for both. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { FeedPage, Purge } from '@headwater/protocol/feed';
import { FeedState } from '@headwater/protocol/feed-state';
import { type EdgeConfig, readConfig } from '../config.ts';
import { ask } from '../edge-rig.ts';
import { startEdge } from '../start-edge.ts';
import type { Estate } from './estate.ts';
import type { Generation } from './generation.ts';

const BODY = Buffer.alloc(10_000, 'headwater');

interface Rig {
  readonly asked: string[];
  /** Starts a generation over the same disk; what one is told, all others are. */
  start(estate: Estate | null): Promise<Generation>;
}

async function startRig(context: TestContext): Promise<Rig> {
  const asked: string[] = [];
  const origin = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    response.writeHead(200, { 'cache-control': 'max-age=600', 'content-length': BODY.length }).end(BODY);
  });
  origin.listen(0, '127.0.0.1');
  await once(origin, 'listening');
  const cacheDirectory = await mkdtemp(join(tmpdir(), 'headwater-generations-'));
  const origins = [`http://127.0.0.1:${(origin.address() as AddressInfo).port}`];
  const config: EdgeConfig = {
    ...readConfig({ HEADWATER_EDGE_PORT: '0' }),
    zones: [{ name: 'site', hosts: ['*'], pathPrefix: '/', origins, policy: 'public' }],
    cacheDirectory,
  };
  const generations: Generation[] = [];
  context.after(async () => {
    await Promise.all(generations.map((generation) => generation[Symbol.asyncDispose]()));
    origin.closeAllConnections();
    origin.close();
    await rm(cacheDirectory, { recursive: true, force: true });
  });
  return {
    asked,
    async start(estate) {
      const generation = await startEdge(config, {
        feed: new FeedState(),
        log: () => undefined,
        succession: {
          // Here both are in one process, where each has to have a socket of its own.
          estate: estate && { ...estate, port: 0, admin: NO_SOCKET, loans: estate.loans.map(withoutSocket) },
          tellOthers: async (news) => {
            const others = generations.filter((other) => other !== generation);
            return (await Promise.all(others.map((other) => other.take(news)))).flat();
          },
        },
      });
      generations.push(generation);
      return generation;
    },
  };
}

const NO_SOCKET = { listener: null, release: () => undefined };

function withoutSocket({ missed }: Estate['loans'][number]): Estate['loans'][number] {
  return { ...NO_SOCKET, missed };
}

/** A page that the generation's own feed has brought. */
function purgeOf(id: string, order: Omit<Purge, 'id' | 'soft' | 'atMs'>): FeedPage {
  return { cursor: id, snapshot: false, messages: [{ type: 'purge', purge: { id, soft: false, atMs: 1, ...order } }] };
}

/** What the origin is asked when a generation is asked for these. */
async function fetched(rig: Rig, generation: Generation, paths: readonly string[]): Promise<readonly string[]> {
  rig.asked.length = 0;
  for (const path of paths) {
    const { status, body } = await ask(generation, path);
    assert.ok(status === 200 && body.equals(BODY));
  }
  return rig.asked;
}

const PATHS = ['/a', '/b', '/c', '/d'] as const;

test('a purge takes effect in both, whichever of them has heard of it, and on what is on disk', async (context) => {
  const rig = await startRig(context);
  const old = await rig.start(null);
  assert.equal((await fetched(rig, old, PATHS)).length, PATHS.length);
  const estate = await old.lend();
  const next = await rig.start(estate);
  assert.deepEqual(await fetched(rig, next, ['/a']), [], 'what is on disk is there');
  await old.carryOut(purgeOf('2', { url: '/b' }));
  await next.carryOut(purgeOf('3', { url: '/c' }));
  for (const generation of [old, next]) {
    assert.deepEqual(await fetched(rig, generation, PATHS), ['GET /b', 'GET /c']);
  }
});

test('what a request has changed is forgotten by both', async (context) => {
  const rig = await startRig(context);
  const old = await rig.start(null);
  await fetched(rig, old, PATHS);
  const next = await rig.start(await old.lend());
  await fetched(rig, next, PATHS);
  await ask(old, '/a', { method: 'POST' });
  await ask(next, '/b', { method: 'POST' });
  for (const generation of [old, next]) {
    assert.deepEqual(await fetched(rig, generation, PATHS), ['GET /a', 'GET /b']);
  }
});

test('what was purged after a successor had failed is gone for the next one', async (context) => {
  const rig = await startRig(context);
  const old = await rig.start(null);
  await fetched(rig, old, PATHS);
  await old.lend();
  await old.keepOn();
  assert.deepEqual(await fetched(rig, old, PATHS), [], 'it goes on with what it has in RAM');
  await old.carryOut(purgeOf('2', { url: '/b' }));
  const next = await rig.start(await old.lend());
  assert.deepEqual(await fetched(rig, next, PATHS), ['GET /b']);
});

test('after a request has changed something meanwhile, the next one trusts nothing on disk', async (context) => {
  const rig = await startRig(context);
  const old = await rig.start(null);
  await fetched(rig, old, PATHS);
  await old.lend();
  await old.keepOn();
  await ask(old, '/a', { method: 'POST' });
  const next = await rig.start(await old.lend());
  assert.deepEqual(
    await fetched(rig, next, PATHS),
    PATHS.map((path) => `GET ${path}`),
  );
});

test('counters go on where those before have left them', async (context) => {
  const rig = await startRig(context);
  const old = await rig.start(null);
  const counted = async (generation: Generation): Promise<number> => {
    const { text } = await ask({ port: generation.adminPort }, '/metrics');
    const lines = text.split('\n').filter((line) => line.startsWith('headwater_edge_zone_requests_total'));
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  };
  await fetched(rig, old, PATHS);
  const next = await rig.start(await old.lend());
  assert.equal(await counted(next), 4);
  await fetched(rig, next, PATHS);
  await fetched(rig, old, ['/a']);
  assert.equal(await counted(next), 8);
  await next.noteCountsBefore(await old.counts());
  assert.equal(await counted(next), 9);
});
