/** Pull zones of a node of several workers: what one process promises holds for all of them together. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempDisposable } from 'node:fs/promises';
import { type IncomingMessage, type ServerResponse, createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { FeedState } from '@headwater/protocol/feed-state';
import { type Answer, ask } from '../edge-rig.ts';
import { ownerOf } from './ownership.ts';
import { MANY, askOnMany, isReady, metric, purge, startNodeRig, until } from './node-rig.ts';
import type { RunningNode } from './start-node.ts';

interface Rig extends AsyncDisposable {
  readonly node: RunningNode;
  readonly feed: FeedState;
  /** what the origin was asked for, in order */
  readonly asked: string[];
}

async function startRig(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  options: Parameters<typeof startNodeRig>[1] = {},
): Promise<Rig> {
  const asked: string[] = [];
  const origin = createServer({ maxHeaderSize: 131_072 }, (request, response) => {
    asked.push(`${request.method} ${request.url}`);
    answer(request, response);
  });
  origin.listen(0, '127.0.0.1');
  await once(origin, 'listening');
  const origins = [`http://127.0.0.1:${(origin.address() as AddressInfo).port}`];
  const feed = new FeedState();
  const zones = [{ name: 'site', hosts: ['*'], pathPrefix: '/', origins, policy: 'public' }] as const;
  const node = await startNodeRig(feed, { ...options, zones });
  return {
    node,
    feed,
    asked,
    async [Symbol.asyncDispose]() {
      await node[Symbol.asyncDispose]();
      origin.closeAllConnections();
      origin.close();
    },
  };
}

const BODY = Buffer.alloc(200_000, 'headwater');

function cacheable(_: IncomingMessage, response: ServerResponse): void {
  const head = { 'cache-control': 'max-age=60', 'content-length': BODY.length, etag: '"v1"' };
  response.writeHead(200, head).end(BODY);
}

/** Whose request, as they were told, was the one that went to the origin. */
function forwarded(answers: readonly Answer[]): number {
  return answers.filter(({ headers }) => /; fwd=(?!.*collapsed)/.test(String(headers['cache-status']))).length;
}

test('a thousand who ask at once for what nobody has cost the origin one request', async () => {
  await using rig = await startRig((request, response) => void setTimeout(() => cacheable(request, response), 100));
  const answers = await askOnMany(rig.node, '/film', 1_000);
  assert.ok(answers.every(({ status, body }) => status === 200 && body.equals(BODY)));
  assert.deepEqual(rig.asked, ['GET /film']);
  assert.equal(forwarded(answers), 1, 'and so they are told');
  const again = await askOnMany(rig.node, '/film');
  assert.ok(again.every(({ headers }) => String(headers['cache-status']).startsWith('edge-1; hit')));
  assert.equal(rig.asked.length, 1);
  assert.equal(await metric(rig.node, 'headwater_edge_zone_fetches_total'), 1);
  assert.equal(await metric(rig.node, 'headwater_edge_zone_asked_of_owner_total'), 1);
  assert.equal(await metric(rig.node, 'headwater_edge_zone_requests_total'), 1_000 + MANY);
});

test('fields that a viewer may send are not too many for the worker that owns the object', async () => {
  await using rig = await startRig(cacheable, { headerBytes: 65_536 });
  const headers = { 'x-large': 'x'.repeat(60_000), connection: 'close' };
  const statuses = Array.from({ length: 20 }, async () => (await ask(rig.node, '/film', { headers })).status);
  assert.deepEqual(new Set(await Promise.all(statuses)), new Set([200]));
});

test('every key has one owner: of many keys each is fetched once, with its query and its ranges', async () => {
  await using rig = await startRig(cacheable);
  const paths = Array.from({ length: 20 }, (_, index) => `/a%20b/${index}.ts?v=${index}`);
  await Promise.all(paths.map((path) => askOnMany(rig.node, path, 10)));
  assert.deepEqual(rig.asked.toSorted(), paths.map((path) => `GET ${path}`).toSorted());
  for (const path of paths) {
    const part = await ask(rig.node, path, { headers: { range: 'bytes=5-9' } });
    assert.deepEqual([part.status, part.text], [206, BODY.toString('utf8', 5, 10)]);
  }
  assert.equal(rig.asked.length, paths.length);
});

test('the disk of a node has each object once, and its owner gives it again to who had it in RAM alone', async () => {
  await using cache = await mkdtempDisposable(join(tmpdir(), 'headwater-node-'));
  await using rig = await startRig(cacheable, { cacheDirectory: cache.path });
  const { node } = rig;
  const zones = (series: string): Promise<number> => metric(node, `headwater_edge_zone_${series} `);
  const paths = Array.from({ length: 30 }, (_, index) => `/film/${index}`);
  for (const path of paths) await askOnMany(node, path);
  // An entry and a slice in either worker: then all that is to be written waits for the disk, or is there.
  await until(async () => (await zones('cache_records')) === 4 * paths.length);
  await until(async () => (await zones('disk_queued_bytes')) === 0);
  assert.deepEqual([await zones('disk_objects'), await zones('disk_written_total')], [30, 60]);
  const before = node.pids();
  for (const pid of before) process.kill(pid ?? 0, 'SIGKILL');
  await until(async () => node.pids().every((pid) => !before.includes(pid)) && (await isReady(node)));
  for (const path of paths) {
    const answers = await askOnMany(node, path);
    assert.ok(
      answers.every(
        ({ body, headers }) => body.equals(BODY) && String(headers['cache-status']).startsWith('edge-1; hit'),
      ),
    );
  }
  assert.deepEqual([rig.asked.length, await zones('disk_objects')], [paths.length, paths.length]);
});

test('what only a cache may answer is answered where any worker has it, and asked of nobody else', async () => {
  await using rig = await startRig(cacheable);
  const only = { 'cache-control': 'only-if-cached' };
  const askAll = (path: string, method: string): Promise<Answer[]> =>
    Promise.all(Array.from({ length: MANY }, () => ask(rig.node, path, { method, headers: only })));
  const paths = Array.from({ length: 8 }, (_, index) => `/film/${index}`);
  // Of one request alone, half of these are in their owner's cache and in no other.
  for (const path of paths) await ask(rig.node, path);
  for (const path of paths) {
    for (const { status } of await askAll(path, 'HEAD')) assert.equal(status, 200);
    for (const { status, headers, body } of await askAll(path, 'GET')) {
      assert.ok(status === 200 && body.equals(BODY));
      assert.match(String(headers['cache-status']), /^edge-1; hit/);
    }
  }
  for (const method of ['GET', 'HEAD']) {
    for (const { status, headers } of await askAll('/other', method)) {
      assert.deepEqual([status, headers['cache-status']], [504, 'edge-1; detail=not_cached']);
    }
  }
  assert.equal(rig.asked.length, paths.length);
});

test('a purge is done when no worker has it any more', async () => {
  await using rig = await startRig(cacheable);
  await askOnMany(rig.node, '/film');
  await purge(rig.node, rig.feed, { url: '/film' });
  const answers = await askOnMany(rig.node, '/film');
  assert.equal(rig.asked.length, 2);
  assert.equal(forwarded(answers), 1);
});

test('who has changed something is answered when no worker has what it was', async () => {
  await using rig = await startRig((request, response) => {
    if (request.method === 'GET') return cacheable(request, response);
    request.resume();
    response.writeHead(204).end();
  });
  const paths = ['/1', '/2', '/3', '/4'];
  for (const path of paths) await askOnMany(rig.node, path);
  for (const path of paths) {
    assert.equal((await ask(rig.node, path, { method: 'DELETE' })).status, 204);
    await askOnMany(rig.node, path);
  }
  const expected = [
    ...paths.map((path) => `GET ${path}`),
    ...paths.flatMap((path) => [`DELETE ${path}`, `GET ${path}`]),
  ];
  assert.deepEqual(rig.asked, expected);
});

test('what is one viewer\u2019s alone is nobody else\u2019s in any worker', async () => {
  let count = 0;
  await using rig = await startRig((_, response) => {
    count += 1;
    response.writeHead(200, { 'cache-control': 'no-store' }).end(String(count));
  });
  const answers = await askOnMany(rig.node, '/me');
  assert.equal(new Set(answers.map(({ text }) => text)).size, MANY);
  assert.equal(rig.asked.length, MANY);
});

test('what comes slowly reaches everybody as it comes, and once it breaks off it goes on', async () => {
  const half = BODY.length / 2;
  const begun: ServerResponse[] = [];
  await using rig = await startRig((request, response) => {
    const from = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const head = { 'cache-control': 'max-age=60', etag: '"v1"', 'content-length': BODY.length - from };
    if (from > 0) {
      response.writeHead(206, { ...head, 'content-range': `bytes ${from}-${BODY.length - 1}/${BODY.length}` });
      return void response.end(BODY.subarray(from));
    }
    begun.push(response.writeHead(200, head));
    response.write(BODY.subarray(0, half));
  });
  let halves = 0;
  const all = Array.from({ length: MANY }, () => read(rig.node, '/slow', half, () => (halves += 1)));
  await until(() => halves === MANY);
  assert.equal(rig.asked.length, 1);
  begun[0]?.destroy();
  for (const body of await Promise.all(all)) assert.ok(body.equals(BODY));
  assert.equal(begun.length, 1);
  assert.equal(rig.asked.length, 2, 'the rest was asked for once');
});

test('a worker that dies with a fill in its hands costs nobody of the others a byte', async () => {
  const half = BODY.length / 2;
  await using rig = await startRig((request, response) => {
    const from = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const head = { 'cache-control': 'max-age=60', etag: '"v1"', 'content-length': BODY.length - from };
    if (from === 0) return void response.writeHead(200, head).write(BODY.subarray(0, half));
    response.writeHead(206, { ...head, 'content-range': `bytes ${from}-${BODY.length - 1}/${BODY.length}` });
    response.end(BODY.subarray(from));
  });
  const owner = rig.node.pids()[ownerOf('site\n\n/slow', [1, 2]) - 1];
  assert.ok(owner !== undefined);
  let halves = 0;
  const all = Array.from({ length: MANY }, () =>
    read(rig.node, '/slow', half, () => (halves += 1)).catch((error: NodeJS.ErrnoException) => error.code),
  );
  await until(() => halves === MANY);
  process.kill(owner, 'SIGKILL');
  const ended = await Promise.all(all);
  const bodies = ended.filter((body) => body instanceof Buffer);
  assert.ok(bodies.length > 0 && bodies.length < MANY, `${bodies.length} of ${MANY} were with the other worker`);
  for (const body of bodies) assert.ok(Buffer.compare(body as Buffer, BODY) === 0);
  for (const code of ended) if (!(code instanceof Buffer)) assert.equal(code, 'ECONNRESET');
});

/** Reads all of it, and tells when so many bytes are there. */
function read(node: RunningNode, path: string, bytes: number, onBytes: () => void): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port: node.port, path, agent: false }, (response) => {
      const pieces: Buffer[] = [];
      let count = 0;
      response.on('data', (piece: Buffer) => {
        pieces.push(piece);
        if (count < bytes && count + piece.length >= bytes) onBytes();
        count += piece.length;
      });
      response.once('end', () => resolve(Buffer.concat(pieces)));
      response.once('error', reject);
    }).once('error', reject);
  });
}
