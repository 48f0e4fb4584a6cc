import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, type ServerResponse, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { suite, test } from 'node:test';
import { NODE_PASS, PARENT_TRY } from '@headwater/protocol/headers';
import { mintNodePass } from '@headwater/protocol/node-pass';
import type { PurgePoint } from '@headwater/protocol/feed';
import type { ZoneEntry } from '@headwater/protocol/zone';
import { FOREIGN_KEYS, KEYS, ask, feedOf, mint, startRig } from '../edge-rig.ts';
import type { RunningEdge } from '../start-edge.ts';
import { type TcpFront, startTcpFront } from '../tcp-front.ts';

type Answering = (request: IncomingMessage, response: ServerResponse) => void;

const VIDEO = Buffer.alloc(300_000, 'headwater ');

interface Rig extends AsyncDisposable {
  readonly origin: { readonly asked: IncomingMessage[]; answering: Answering };
  readonly parents: readonly RunningEdge[];
  readonly children: readonly RunningEdge[];
  readonly fronts: readonly TcpFront[];
}

interface RigOptions {
  readonly parents?: number;
  readonly children?: number;
  readonly zone?: Partial<ZoneEntry>;
  /** the parents' own, where it differs */
  readonly parentZone?: Partial<ZoneEntry>;
  /** the last purge before the children began, of which the parents have not heard */
  readonly lastPurge?: PurgePoint;
}

async function startTwoTiers(answering: Answering, options: RigOptions = {}): Promise<Rig> {
  const { parents = 1, children = 1, zone = {}, parentZone = {} } = options;
  const origin = { asked: [] as IncomingMessage[], answering };
  const server = createServer((request, response) => {
    origin.asked.push(request);
    origin.answering(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const feed = feedOf('http://127.0.0.1:9');
  const entry: ZoneEntry = {
    name: 'site',
    hosts: ['v.example'],
    pathPrefix: '/',
    origins: [url],
    policy: 'public',
    ...zone,
  };
  const above = await Promise.all(
    Array.from({ length: parents }, (_, nth) =>
      startRig(feed, { id: `shield-${nth}`, zones: [{ ...entry, ...parentZone }] }),
    ),
  );
  const fronts = await Promise.all(above.map(({ port }) => startTcpFront(port)));
  const urls = fronts.map((front) => front.url);
  const childrensFeed = feedOf('http://127.0.0.1:9');
  const known = childrensFeed.snapshot();
  if (options.lastPurge !== undefined && known !== null)
    childrensFeed.apply({ ...known, lastPurge: options.lastPurge });
  const below = await Promise.all(
    Array.from({ length: children }, (_, nth) =>
      startRig(childrensFeed, { id: `edge-${nth}`, zones: [entry], parents: urls }),
    ),
  );
  return {
    origin,
    parents: above,
    children: below,
    fronts,
    async [Symbol.asyncDispose]() {
      await Promise.all([...below, ...above].map((edge) => edge[Symbol.asyncDispose]()));
      await Promise.all(fronts.map((front) => front[Symbol.asyncDispose]()));
      server.closeAllConnections();
      server.close();
    },
  };
}

const HOST = { headers: { host: 'v.example' } };

function fresh(_request: IncomingMessage, response: ServerResponse): void {
  const fields = { 'cache-control': 'max-age=600', 'cache-tag': 'film', etag: '"v1"', 'content-length': VIDEO.length };
  // Slowly enough that all come while it is on its way.
  response.writeHead(200, fields).write(VIDEO.subarray(0, 1_000));
  setTimeout(() => response.end(VIDEO.subarray(1_000)), 50);
}

suite('one fetch an object through a shield', () => {
  test('4 edges with 25 viewers each, cold, of 5 objects', { timeout: 60_000 }, async () => {
    await using rig = await startTwoTiers(fresh, { parents: 2, children: 4 });
    const paths = Array.from({ length: 5 }, (_, nth) => `/film/${nth}`);
    const answers = await Promise.all(
      rig.children.flatMap((edge) => Array.from({ length: 25 }, (_, nth) => ask(edge, paths[nth % 5] ?? '', HOST))),
    );
    for (const answer of answers) assert.ok(answer.complete && answer.body.equals(VIDEO));
    assert.equal(rig.origin.asked.length, paths.length);
    assert.deepEqual(new Set(rig.origin.asked.map(({ url }) => url)), new Set(paths));
  });

  test('Via, CDN-Loop, Age and Cache-Status add up; the origin is told of the viewer’s host and scheme', async () => {
    await using rig = await startTwoTiers((request, response) => {
      response.writeHead(200, { 'cache-control': 'max-age=600', age: '10', 'cache-status': 'front; hit' });
      response.end(request.url);
    });
    const [child] = rig.children as [RunningEdge];
    const answer = await ask(child, '/a', HOST);
    const [asked] = rig.origin.asked as [IncomingMessage];
    assert.equal(asked.headers.via, '1.1 edge-0, 1.1 shield-0');
    assert.equal(asked.headers['cdn-loop'], 'edge-0, shield-0');
    assert.equal(asked.headers['x-forwarded-host'], 'v.example');
    assert.equal(asked.headers['x-forwarded-proto'], 'http');
    assert.equal(asked.headers[NODE_PASS], undefined);
    assert.ok(Number(answer.headers['age'] ?? 10) >= 10);
    const hit = await ask(child, '/a', HOST);
    assert.ok(Number(hit.headers['age']) >= 10, hit.headers['age']);
    const named = String(answer.headers['cache-status'])
      .split(',')
      .map((member) => member.trim().split(';')[0]);
    assert.deepEqual(
      named.map((name) => name?.replaceAll('"', '')),
      ['front', 'shield-0', 'edge-0'],
    );
    assert.match(String(hit.headers['cache-status']), /"?edge-0"?; hit/);
  });

  test('what a 304 changes of a stored head reaches those who have it from there', async () => {
    await using rig = await startTwoTiers((request, response) => {
      const isKnown = request.headers['if-none-match'] === '"v1"';
      const type = isKnown ? 'text/html; charset=utf-8' : 'text/html';
      response.writeHead(isKnown ? 304 : 200, { 'cache-control': 'no-cache', etag: '"v1"', 'content-type': type });
      response.end(isKnown ? undefined : 'page');
    });
    const [child] = rig.children as [RunningEdge];
    assert.equal((await ask(child, '/page', HOST)).headers['content-type'], 'text/html');
    const again = await ask(child, '/page', HOST);
    assert.equal(again.text, 'page');
    assert.equal(again.headers['content-type'], 'text/html; charset=utf-8');
    assert.equal(rig.origin.asked.length, 2);
  });

  test('what a parent has stored has an Age, however young it is', async () => {
    await using rig = await startTwoTiers(
      (_, response) => void response.writeHead(200, { 'cache-control': 'max-age=600' }).end('page'),
      { children: 2 },
    );
    const [first, second] = rig.children as [RunningEdge, RunningEdge];
    await ask(first, '/page', HOST);
    const { headers } = await ask(second, '/page', HOST);
    assert.match(String(headers['cache-status']), /^"?shield-0"?; hit/);
    assert.match(String(headers.age), /^[01]$/);
  });

  test('a zone for tokens: the child lets its viewer in, the parent lets the child in', async () => {
    await using rig = await startTwoTiers(fresh, { zone: { policy: 'token' } });
    const [[child], [parent]] = [rig.children as [RunningEdge], rig.parents as [RunningEdge]];
    assert.equal((await ask(child, '/film', HOST)).status, 403);
    const token = mint('site', { scope: 'zone/site' });
    const answer = await ask(child, `/t/${token}/film`, HOST);
    assert.ok(answer.complete && answer.body.equals(VIDEO), answer.text.slice(0, 200));
    assert.equal(rig.origin.asked.length, 1);
    assert.equal(rig.origin.asked[0]?.url, '/film');
    for (const [pass, status] of [
      [mintNodePass('edge-9', 'zone', KEYS, Date.now()), 200],
      [mintNodePass('edge-9', 'cmaf', KEYS, Date.now()), 403],
      [mintNodePass('edge-9', 'zone', FOREIGN_KEYS, Date.now()), 403],
    ] as const) {
      const direct = await ask(parent, '/film', { headers: { ...HOST.headers, [NODE_PASS]: pass ?? '' } });
      assert.equal(direct.status, status);
    }
  });
});

suite('a parent that must ask in its turn', () => {
  interface Told {
    readonly interims: readonly number[];
    readonly status: number;
  }

  /** Asks as a child does, or as a viewer. */
  async function told(port: number, path: string, fields: Record<string, string>): Promise<Told> {
    const interims: number[] = [];
    const outgoing = request({ host: '127.0.0.1', port, path, headers: { ...HOST.headers, ...fields }, agent: false });
    outgoing.on('information', ({ statusCode }) => interims.push(statusCode)).end();
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    response.resume();
    await once(response, 'end');
    return { interims, status: response.statusCode ?? 0 };
  }

  const FIRST = { [PARENT_TRY]: 'first' };
  const HEDGE = { [PARENT_TRY]: 'hedge' };

  test('says so to another edge at once, not to a viewer, and not of what it has', async () => {
    await using rig = await startTwoTiers(fresh);
    const { port } = rig.parents[0] as RunningEdge;
    assert.deepEqual(await told(port, '/a', FIRST), { interims: [102], status: 200 });
    assert.deepEqual(await told(port, '/a', FIRST), { interims: [], status: 200 });
    assert.deepEqual(await told(port, '/b', {}), { interims: [], status: 200 });
  });

  test('lets who was asked before it have a moment, and asks nobody for a child that has left', async () => {
    await using rig = await startTwoTiers(fresh);
    const { port } = rig.parents[0] as RunningEdge;
    const outgoing = request({
      host: '127.0.0.1',
      port,
      path: '/left',
      headers: { ...HOST.headers, ...HEDGE },
    });
    outgoing.on('error', () => undefined).end();
    await once(outgoing, 'information');
    outgoing.destroy();
    const startedMs = performance.now();
    assert.deepEqual(await told(port, '/late', HEDGE), { interims: [102], status: 200 });
    assert.ok(performance.now() - startedMs >= 250);
    assert.deepEqual(
      rig.origin.asked.map(({ url }) => url),
      ['/late'],
    );
    assert.deepEqual(await told(port, '/late', HEDGE), { interims: [], status: 200 }, 'what it has');
  });
});

suite('a parent that is of no use', () => {
  test('one that does not know the zone yet: the origin answers', async () => {
    await using rig = await startTwoTiers(fresh, { parentZone: { hosts: ['other.example'] } });
    const [child] = rig.children as [RunningEdge];
    assert.ok((await ask(child, '/film', HOST)).body.equals(VIDEO));
    assert.equal(rig.origin.asked[0]?.headers.via, '1.1 edge-0');
  });

  test('one that dies in the middle of a body: every viewer has all of it', { timeout: 30_000 }, async () => {
    await using rig = await startTwoTiers(
      (request, response) => {
        const from = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
        response.writeHead(from > 0 ? 206 : 200, {
          'cache-control': 'max-age=600',
          etag: '"v1"',
          'content-length': VIDEO.length - from,
          ...(from > 0 ? { 'content-range': `bytes ${from}-${VIDEO.length - 1}/${VIDEO.length}` } : {}),
        });
        if (from > 0) return void response.end(VIDEO.subarray(from));
        response.write(VIDEO.subarray(0, 100_000), () => setTimeout(() => rig.fronts[0]?.kill(), 20));
      },
      { parents: 1 },
    );
    const [child] = rig.children as [RunningEdge];
    const answers = await Promise.all(Array.from({ length: 21 }, () => ask(child, '/film', HOST)));
    for (const answer of answers) assert.ok(answer.complete && answer.body.equals(VIDEO));
  });
});

suite('what was purged does not come back', () => {
  test('to a child that began after it, from a parent whose feed lags', { timeout: 30_000 }, async () => {
    await using rig = await startTwoTiers(fresh, { lastPurge: { id: 'p1', atMs: Date.now() } });
    const [[child], [parent]] = [rig.children as [RunningEdge], rig.parents as [RunningEdge]];
    await ask(parent, '/film', HOST);
    assert.ok((await ask(child, '/film', HOST)).body.equals(VIDEO));
    assert.equal(rig.origin.asked.length, 2, 'not what the parent still has');
    assert.equal(rig.origin.asked[1]?.headers.via, '1.1 edge-0');
  });

  test('from a parent whose feed lags', { timeout: 30_000 }, async () => {
    await using rig = await startTwoTiers(fresh);
    const [[child], [parent]] = [rig.children as [RunningEdge], rig.parents as [RunningEdge]];
    await ask(child, '/film', HOST);
    const purge = { id: 'p1', tag: 'film', soft: false, atMs: Date.now() };
    const page = { cursor: '2', snapshot: false, messages: [{ type: 'purge', purge }] } as const;
    await child.carryOut(page);
    assert.ok((await ask(child, '/film', HOST)).body.equals(VIDEO));
    assert.equal(rig.origin.asked.length, 2, 'not what the parent still has');
    assert.equal(rig.origin.asked[1]?.headers.via, '1.1 edge-0');
    await child.carryOut({ ...page, messages: [{ type: 'purge', purge: { ...purge, id: 'p2' } }] });
    const changed = await ask(child, '/film', { ...HOST, method: 'POST' });
    assert.equal(changed.status, 200, 'what changes something does not wait for the news');
    rig.origin.asked.pop();
    const waiting = ask(child, '/film', HOST);
    await parent.carryOut(page);
    await parent.carryOut({ ...page, messages: [{ type: 'purge', purge: { ...purge, id: 'p2' } }] });
    assert.ok((await waiting).body.equals(VIDEO));
    assert.equal(rig.origin.asked.length, 3);
    assert.equal(rig.origin.asked[2]?.headers.via, '1.1 edge-0, 1.1 shield-0', 'by the parent, once it had heard');
  });

  test('softly neither, from a parent that has yet to fetch it anew', { timeout: 30_000 }, async () => {
    await using rig = await startTwoTiers((_, response) => {
      response.writeHead(200, { 'cache-control': 'max-age=600' }).end(`version ${rig.origin.asked.length}`);
    });
    const [[child], [parent]] = [rig.children as [RunningEdge], rig.parents as [RunningEdge]];
    assert.equal((await ask(child, '/page', HOST)).text, 'version 1');
    const purge = { id: 'p1', all: true, soft: true, atMs: Date.now() } as const;
    const page = { cursor: '2', snapshot: false, messages: [{ type: 'purge', purge }] } as const;
    await parent.carryOut(page);
    await child.carryOut(page);
    assert.equal((await ask(child, '/page', HOST)).text, 'version 1', 'while it is fetched anew');
    // What was fetched anew would be the old one for another ten minutes.
    while ((await ask(child, '/page', HOST)).text !== 'version 2');
    assert.equal(rig.origin.asked.length, 2);
  });
});
