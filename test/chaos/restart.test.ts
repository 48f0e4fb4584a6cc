/** An edge is replaced under load, the node's own process with it: no request fails, and no answer is cut. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { Agent, type IncomingMessage, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { connect } from 'node:tls';
import { makeSelfSigned } from '@headwater/service/self-signed';
import { startFleet } from '../fleet/fleet.ts';
import { type LoneEdge, startLoneEdge } from '../fleet/lone-edge.ts';
import { until } from '../fleet/until.ts';
import { type LoadObject, startLoad } from '../fleet/steady-load.ts';

const PER_SECOND = 500;
const RESTARTS = 2;
/** On a machine that is busy elsewhere the client itself comes to no more. */
const LEAST_PER_SECOND = 100;
/** Handshakes cost both sides a millisecond or two. */
const SECURE_PER_SECOND = 100;

const SMALL: LoadObject = { path: '/object/1500', body: Buffer.alloc(1_500, 'headwater ') };
const OBJECTS: readonly LoadObject[] = [
  SMALL,
  { path: '/object/20000', body: Buffer.alloc(20_000, 'twenty thousand ') },
  { path: '/object/100000', body: Buffer.alloc(100_000, 'a hundred thousand ') },
];

/** Bigger than what sockets take in without anybody reading. */
const FILM = Buffer.alloc(24 * 1024 * 1024, 'a film ');
const SLOW = Buffer.alloc(400_000, 'slowly ');
const TRICKLE_MS = 1_000;

interface Origin extends AsyncDisposable {
  readonly url: string;
  /** what it was asked for, in order */
  readonly asked: string[];
  /** of what it has begun and not ended: sends the rest */
  finish(): void;
}

async function startOrigin(): Promise<Origin> {
  const asked: string[] = [];
  const unfinished: (() => void)[] = [];
  const server = createServer(({ url = '' }, response) => {
    asked.push(url);
    const body = OBJECTS.find(({ path }) => path === url)?.body ?? (url === '/film' ? FILM : SLOW);
    response.writeHead(200, { 'cache-control': 'max-age=600', 'content-length': body.length });
    if (!url.startsWith('/slow')) return void response.end(body);
    let sent = body.length / 2;
    response.write(body.subarray(0, sent));
    // An origin that says nothing for too long is taken for dead.
    const trickle = setInterval(() => response.write(body.subarray(sent, ++sent)), TRICKLE_MS);
    response.once('close', () => clearInterval(trickle));
    unfinished.push(() => {
      clearInterval(trickle);
      response.end(body.subarray(sent));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    asked,
    finish() {
      for (const end of unfinished.splice(0)) end();
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface Listed {
  readonly healthy: boolean;
  readonly servingSinceMs: number | null;
}

interface Acknowledged {
  readonly acked: number;
  readonly total: number;
}

/** Asks, so that a ticket has come, and hangs up. */
async function shake(port: number, session?: Buffer): Promise<{ session?: Buffer | undefined; isReused: boolean }> {
  const where = { port, host: '127.0.0.1', rejectUnauthorized: false };
  const socket = connect(session === undefined ? where : { ...where, session });
  socket.write('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n');
  await once(socket, 'data');
  const shaken = { session: socket.getSession(), isReused: socket.isSessionReused() };
  socket.destroy();
  return shaken;
}

/** An answer that has begun. */
async function begin(edge: LoneEdge, path: string, agent = new Agent()): Promise<IncomingMessage> {
  const outgoing = request({ host: '127.0.0.1', port: edge.port, path, agent });
  outgoing.end();
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  assert.equal(response.statusCode, 200);
  return response;
}

/** Of processes, those that answer viewers. */
async function workersAmong(pids: readonly number[]): Promise<number[]> {
  const commands = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8')));
  return pids.filter((_, index) => commands[index]?.split('\0').includes('worker'));
}

async function readToEnd(response: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of response) pieces.push(piece as Buffer);
  assert.ok(response.complete);
  return Buffer.concat(pieces);
}

for (const workers of [1, 2]) {
  describe(`an edge of ${workers}`, () => {
    let origin: Origin;
    let edge: LoneEdge;

    before(async () => {
      origin = await startOrigin();
      edge = await startLoneEdge({ originUrl: origin.url, workers });
    });
    after(async () => {
      await edge[Symbol.asyncDispose]();
      await origin[Symbol.asyncDispose]();
    });

    test(`is replaced ${RESTARTS} times under ${PER_SECOND} requests a second`, async (context) => {
      const load = startLoad({ port: edge.port, objects: OBJECTS, perSecond: PER_SECOND });
      for (let restart = 0; restart < RESTARTS; restart += 1) await edge.restart();
      const { answered, onFresh, failures, truncated, slowestMs, seconds } = await load.stop();
      context.diagnostic(
        `${Math.round(answered / seconds)} requests/s for ${seconds.toFixed(1)} s, ${onFresh} on connections of their own; ` +
          `${failures.length} failed, ${truncated} truncated; the slowest took ${Math.round(slowestMs)} ms`,
      );
      assert.deepEqual(failures, []);
      assert.ok(answered / seconds > LEAST_PER_SECOND, 'there was load');
      // Those that were replaced tell what they count until they end.
      await until('all answers to be counted', 10_000, async () => {
        return (await edge.metric('headwater_edge_zone_requests_total')) >= answered;
      });
      assert.equal(edge.child.exit, undefined);
    });

    test('answers that take their time come to their end, whoever is slow', async () => {
      const films = await Promise.all(Array.from({ length: 4 }, () => begin(edge, '/film')));
      const slow = await Promise.all(Array.from({ length: 8 }, (_, number) => begin(edge, `/slow/${number % 2}`)));
      await edge.restart();
      await edge.restart();
      origin.finish();
      for (const response of slow) assert.ok((await readToEnd(response)).equals(SLOW));
      for (const response of films) assert.ok((await readToEnd(response)).equals(FILM));
      assert.deepEqual(origin.asked.filter((path) => path.startsWith('/slow')).sort(), ['/slow/0', '/slow/1']);
    });

    test('what was on disk is there again; an idle connection has one more answer, and is told that it is the last', async () => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      for (const { path } of OBJECTS) await readToEnd(await begin(edge, path, agent));
      await until('the connection to be idle', 5_000, () => Object.values(agent.freeSockets).flat().length === 1);
      await edge.restart();
      origin.asked.length = 0;
      // Those that are replaced hear of it after their successors serve.
      await until('the last answer on it', 5_000, async () => {
        const response = await begin(edge, SMALL.path, agent);
        assert.ok((await readToEnd(response)).equals(SMALL.body));
        return response.headers.connection === 'close';
      });
      agent.destroy();
      for (const { path, body } of OBJECTS) assert.ok((await readToEnd(await begin(edge, path))).equals(body));
      assert.deepEqual(origin.asked, []);
    });

    if (workers > 1) {
      test('while those that are replaced take no connection, their successors take all that come', async () => {
        const before = await until('those that were replaced before to be gone', 10_000, async () => {
          const [, ...below] = await edge.processes();
          return below.length === 1 + workers && below;
        });
        const [served, done] = [edge.said('worker_serves'), edge.said('restart_done')];
        const old = await workersAmong(before);
        assert.equal(old.length, workers);
        edge.child.signal('SIGHUP');
        // A successor is started once it has its socket, and those before it are told to end when all successors serve.
        await until('a successor to be started', 10_000, async () => {
          const started = (await edge.processes()).filter((pid) => !before.includes(pid));
          return (await workersAmong(started)).length > 0;
        });
        for (const pid of old) process.kill(pid, 'SIGSTOP');
        await edge.untilSaid('worker_serves', served + workers);
        const load = startLoad({ port: edge.port, objects: OBJECTS, perSecond: PER_SECOND });
        try {
          const heard = await Promise.all(Array.from({ length: 100 }, () => begin(edge, SMALL.path).then(readToEnd)));
          assert.equal(heard.length, 100);
        } finally {
          for (const pid of old) process.kill(pid, 'SIGCONT');
        }
        await edge.untilSaid('restart_done', done + 1);
        assert.deepEqual((await load.stop()).failures, []);
      });
    }

    // The process that stays does the same whatever there is below it.
    if (workers === 1) {
      test('a command replaces it, and says when that is done', async () => {
        const done = edge.said('restart_done');
        assert.deepEqual(await edge.command('edge', 'restart', 'edge-1'), { code: 0, output: 'edge-1 is replaced\n' });
        assert.equal(edge.said('restart_done'), done + 1);
      });

      test('one that cannot start is given up, and the one that is there goes on and says so', async () => {
        const zones = await readFile(edge.zonesFile);
        const refused = edge.said('restart_failed');
        const load = startLoad({ port: edge.port, objects: OBJECTS, perSecond: PER_SECOND });
        await writeFile(edge.zonesFile, 'no zones');
        edge.child.signal('SIGHUP');
        await edge.untilSaid('restart_failed', refused + 1);
        assert.match(edge.child.output, /"event":"restart_failed","reason":"HEADWATER_ZONES_FILE/);
        const { code, output } = await edge.command('edge', 'restart');
        assert.equal(code, 75);
        assert.match(output, /^headwater: edge-1 goes on as it was: HEADWATER_ZONES_FILE: .*\n$/);
        await writeFile(edge.zonesFile, zones);
        await edge.restart();
        assert.deepEqual((await load.stop()).failures, []);
      });
    }

    test('signals while it is under way make one more, and it ends in order with all that it started', async () => {
      const before = edge.said('restart_done');
      const begun = edge.said('restart_begun');
      edge.child.signal('SIGHUP');
      await edge.untilSaid('restart_begun', begun + 1);
      for (let signal = 0; signal < 5; signal += 1) edge.child.signal('SIGHUP');
      await edge.untilSaid('restart_done', before + 2);
      const processes = await edge.processes();
      edge.child.signal('SIGTERM');
      assert.deepEqual(await edge.child.exited, { code: 0, signal: null });
      assert.equal(edge.said('restart_done'), before + 2);
      await until('all of its processes to end', 10_000, () => processes.every((pid) => !existsSync(`/proc/${pid}`)));
    });
  });
}

describe('an edge with certificates', () => {
  test('is replaced under load by TLS; sessions are taken up again by the next one', async (context) => {
    const directory = await mkdtemp(join(tmpdir(), 'headwater-restart-tls-'));
    context.after(() => rm(directory, { recursive: true, force: true }));
    const [certFile, keyFile] = [join(directory, 'cert.pem'), join(directory, 'key.pem')];
    const pair = makeSelfSigned(['edge.example'], Date.now());
    await writeFile(certFile, pair.cert);
    await writeFile(keyFile, pair.key);
    const environment = { HEADWATER_TLS_CERT_FILE: certFile, HEADWATER_TLS_KEY_FILE: keyFile };
    await using origin = await startOrigin();
    await using edge = await startLoneEdge({ originUrl: origin.url, workers: 1, environment });
    const { session } = await shake(edge.port);
    const load = startLoad({ port: edge.port, objects: OBJECTS, perSecond: SECURE_PER_SECOND, isSecure: true });
    await edge.restart();
    const { answered, failures, seconds } = await load.stop();
    context.diagnostic(`${Math.round(answered / seconds)} requests/s for ${seconds.toFixed(1)} s`);
    assert.deepEqual(failures, []);
    assert.ok(answered > 0);
    assert.equal((await shake(edge.port, session)).isReused, true);
  });
});

describe('an edge in its fleet', () => {
  test('is there all the time, and what is purged after its restart is gone', async (context) => {
    await using origin = await startOrigin();
    await using fleet = await startFleet({ edges: 1, without: ['origin', 'geo'] });
    const { api } = fleet;
    const zone = { name: 'site', hosts: ['*'], pathPrefix: '/', origins: [origin.url], policy: 'public' };
    assert.equal((await api.request('POST', '/v1/zones', zone)).status, 201);
    const url = `${fleet.plan.edgeUrls[0]}${SMALL.path}`;
    await until('the zone to be served', 10_000, async () => (await fetch(url)).status === 200);
    const child = fleet.services.get('edge-1');
    assert.ok(child !== undefined);
    const describeNode = async (): Promise<string> => {
      const { healthy, servingSinceMs } = (await (await api.request('GET', '/v1/nodes/edge-1')).json()) as Listed;
      return `${healthy} ${servingSinceMs}`;
    };
    const before = await until('the edge to be tried', 20_000, async () => {
      const described = await describeNode();
      return /^true \d/.test(described) && described;
    });
    const seen = new Set<string>();
    child.signal('SIGHUP');
    await until('another to serve', 30_000, async () => {
      seen.add(await describeNode());
      return child.output.includes('"event":"restart_done"');
    });
    origin.asked.length = 0;
    assert.equal((await fetch(url)).status, 200);
    assert.deepEqual(origin.asked, [], 'what was on disk may be served');
    const order = (await (await api.request('POST', '/v1/purges', { url: SMALL.path })).json()) as { id: string };
    await until('the purge to be acknowledged', 10_000, async () => {
      seen.add(await describeNode());
      const purge = (await (await api.request('GET', `/v1/purges/${order.id}`)).json()) as Acknowledged;
      return purge.acked === purge.total && purge.total > 0;
    });
    assert.equal((await fetch(url)).status, 200);
    assert.deepEqual(origin.asked, [SMALL.path]);
    assert.deepEqual([...seen], [before]);
    context.diagnostic(`it was ${before} all the time`);
  });
});
