/** A node's link against the real control plane. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempDisposable, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { FeedPage } from '@headwater/protocol/feed';
import { FeedState } from '@headwater/protocol/feed-state';
import { IDLE_LOAD, type Load, type NodeDescription } from '@headwater/protocol/node';
import { testNode } from '@headwater/protocol/test-node';
import { systemClock } from '@headwater/service/clock';
import { type FleetLink, startFleetLink } from '@headwater/service/fleet-link';
import { readNodeState } from '@headwater/service/node-state-file';
import { JOIN, type TestPlane, joinAs, startTestPlane } from './test-plane.ts';

interface TestNode extends AsyncDisposable {
  readonly link: FleetLink;
  readonly state: FeedState;
  readonly events: string[];
  /** Resolves when what the node knows, or has logged, fits. */
  until(fits: () => boolean): Promise<void>;
}

interface TestNodeOptions {
  /** replicas by commas, where it is not the plane alone */
  readonly url?: string;
  readonly stateFile: string;
  readonly joinToken?: string;
  readonly node?: Partial<NodeDescription>;
  readonly streams?: () => { name: string; epochOrdinal: number }[];
  /** whose wall clock the node's proofs are dated by */
  readonly plane: TestPlane;
  /** what the node does after each page */
  readonly onPage?: (page: FeedPage) => Promise<void>;
  readonly load?: () => Load;
}

async function startNode(options: TestNodeOptions): Promise<TestNode> {
  const state = new FeedState();
  const events: string[] = [];
  let changed = () => {};
  const link = await startFleetLink({
    controlUrls: (options.url ?? options.plane.url).split(','),
    joinToken: options.joinToken ?? JOIN,
    node: () => testNode({ url: 'http://h:1', ...options.node }),
    load: options.load ?? (() => IDLE_LOAD),
    ...(options.streams === undefined ? {} : { streams: options.streams }),
    state,
    stateFile: options.stateFile,
    clock: { nowMs: () => options.plane.clock.nowMs(), monotonicMs: () => systemClock.monotonicMs() },
    log(_, event) {
      events.push(event);
      changed();
    },
    async onPage(page) {
      changed();
      await options.onPage?.(page);
    },
  });
  return {
    link,
    state,
    events,
    async until(fits) {
      while (!fits()) {
        await new Promise<void>((resolve) => {
          changed = resolve;
        });
      }
    },
    [Symbol.asyncDispose]: () => link[Symbol.asyncDispose](),
  };
}

function makeStream(plane: TestPlane, name: string): Promise<unknown> {
  return plane.call('POST', '/v1/streams', { name, policy: 'token' });
}

/** Asks until the control plane says so: its own state has no event to wait for. */
async function healthOf(plane: TestPlane, id: string, wanted: boolean): Promise<void> {
  while ((await plane.call('GET', `/v1/nodes/${id}`)).body['healthy'] !== wanted);
}

test('a node joins, learns, hears news at once, and asks as itself', async () => {
  await using plane = await startTestPlane();
  await using directory = await mkdtempDisposable(join(tmpdir(), 'headwater-link-'));
  await makeStream(plane, 'show');
  await using node = await startNode({ plane, stateFile: join(directory.path, 'state.json') });
  await node.until(() => node.state.streams.has('show'));
  assert.ok(node.state.keyring.current);
  assert.equal(node.state.nodes.get('edge-1')?.healthy, true);
  await makeStream(plane, 'show-2');
  await node.until(() => node.state.streams.has('show-2'));
  await plane.call('POST', '/v1/revocations', { session: 's1' });
  await node.until(() => node.state.isRevoked('s1', 'live/show'));
  const answer = await node.link.ask('POST', '/v1/publishes', { stream: 'show', key: 'x', origin: 'edge-1' });
  assert.ok(answer.kind === 'answer' && answer.status === 403);
});

test('an order is acknowledged once the node has carried it out, by no heartbeat and no poll before', async () => {
  await using plane = await startTestPlane();
  await using directory = await mkdtempDisposable(join(tmpdir(), 'headwater-link-'));
  const begun = Promise.withResolvers<void>();
  const carriedOut = Promise.withResolvers<void>();
  let beat: (() => void) | undefined;
  await using node = await startNode({
    plane,
    stateFile: join(directory.path, 'state.json'),
    load() {
      beat?.();
      return IDLE_LOAD;
    },
    async onPage({ messages }) {
      if (!messages.some(({ type }) => type === 'purge')) return;
      begun.resolve();
      await carriedOut.promise;
    },
  });
  const nextBeat = (): Promise<void> => new Promise((resolve) => (beat = resolve));
  await healthOf(plane, 'edge-1', true);
  await node.until(() => node.state.cursor !== null);
  const { body } = await plane.call('POST', '/v1/purges', { all: true });
  const acked = async () => (await plane.call('GET', `/v1/purges/${String(body['id'])}`)).body['acked'];
  await begun.promise;
  // The second is made when the first has been answered.
  await nextBeat();
  await nextBeat();
  assert.equal(await acked(), 0);
  carriedOut.resolve();
  while ((await acked()) !== 1);
});

test('a node that starts first waits for the control plane, for as long as it takes', async () => {
  await using plane = await startTestPlane();
  await using directory = await mkdtempDisposable(join(tmpdir(), 'headwater-link-'));
  await plane.stop();
  await using node = await startNode({ plane, stateFile: join(directory.path, 'state.json') });
  await node.until(() => node.events.includes('fleet_join_failed'));
  assert.equal(node.link.connected, false);
  assert.equal((await node.link.ask('GET', '/v1/feed')).kind, 'unreachable');
  await plane.restart();
  await node.until(() => node.state.cursor !== null);
  assert.deepEqual(node.events.slice(0, 2), ['fleet_join_failed', 'fleet_joined']);
});

test('a node plays on while the control plane is away, and misses nothing when it is back', async () => {
  await using plane = await startTestPlane();
  await using directory = await mkdtempDisposable(join(tmpdir(), 'headwater-link-'));
  await makeStream(plane, 'show');
  await using node = await startNode({ plane, stateFile: join(directory.path, 'state.json') });
  await node.until(() => node.state.streams.has('show'));
  await plane.restart();
  assert.ok(node.state.streams.has('show') && node.state.nodes.size === 1);
  await makeStream(plane, 'show-2');
  await node.until(() => node.state.streams.has('show-2'));
  assert.equal(node.events.filter((event) => event === 'fleet_joined').length, 1);
});

test('a restarted node knows keys, catalogue and fleet without a control plane', async () => {
  await using plane = await startTestPlane();
  await using directory = await mkdtempDisposable(join(tmpdir(), 'headwater-link-'));
  const stateFile = join(directory.path, 'node', 'state.json');
  await makeStream(plane, 'show');
  const before = await startNode({ plane, stateFile });
  await before.until(() => before.state.streams.has('show'));
  const kid = before.state.keyring.current?.kid;
  await before[Symbol.asyncDispose]();
  assert.equal((await stat(stateFile)).mode & 0o777, 0o600);
  await plane.stop();
  await using node = await startNode({ plane, stateFile });
  assert.equal(node.state.keyring.current?.kid, kid);
  assert.ok(node.state.streams.has('show') && node.state.nodes.has('edge-1') && node.state.issuers.has('headwater'));
  await plane.restart();
  await makeStream(plane, 'show-2');
  await node.until(() => node.state.streams.has('show-2'));
});

test('a damaged state file costs a log line, not the node', async () => {
  await using plane = await startTestPlane();
  await using directory = await mkdtempDisposable(join(tmpdir(), 'headwater-link-'));
  const stateFile = join(directory.path, 'state.json');
  const ghost = { name: 'ghost', policy: 'token', keyHash: '', origin: null, ladder: null };
  const damaged = [
    { type: 'stream', stream: ghost },
    { type: 'path-keys', keys: [{ kid: 'k', secret: 'short' }] },
  ];
  for (const content of [
    '',
    '{',
    '{"format":9}',
    JSON.stringify({ format: 2, page: { cursor: 'c', messages: damaged } }),
  ]) {
    await writeFile(stateFile, content);
    await using node = await startNode({ plane, stateFile });
    assert.equal(node.events[0], 'fleet_state_unreadable');
    assert.ok(!node.state.streams.has('ghost'));
    await node.until(() => node.state.keyring.current !== null);
  }
  assert.equal((JSON.parse(await readFile(stateFile, 'utf8')) as { format: number }).format, 2);
});

test('a node that was removed is told so, is not let in again by a standing token, and knows what it knew', async () => {
  await using plane = await startTestPlane();
  await using directory = await mkdtempDisposable(join(tmpdir(), 'headwater-link-'));
  await makeStream(plane, 'show');
  const stateFile = join(directory.path, 'state.json');
  const node = await startNode({ plane, stateFile });
  await node.until(() => node.state.streams.has('show'));
  await plane.call('DELETE', '/v1/nodes/edge-1');
  await node.until(() => node.events.includes('fleet_removed'));
  assert.ok(node.state.streams.has('show'));
  assert.equal(node.link.connected, false);
  await node[Symbol.asyncDispose]();
  await using again = await startNode({ plane, stateFile });
  await again.until(() => again.events.includes('fleet_join_failed'));
  assert.equal((await plane.call('GET', '/v1/nodes/edge-1')).status, 404);
  assert.equal(again.events.filter((event) => event === 'fleet_removed').length, 1);
  await again[Symbol.asyncDispose]();

  // A token that was made for it is the operator's word that it may come back.
  const { token } = (await plane.call('POST', '/v1/join-tokens', { role: 'edge', zone: 'eu' })).body as {
    token: string;
  };
  await using back = await startNode({ plane, stateFile, joinToken: token });
  await back.until(() => back.state.nodes.get('edge-1')?.zone === 'eu');
});

test('a node that joined once needs no token to come back, and its credential renews itself', async () => {
  await using plane = await startTestPlane();
  await using directory = await mkdtempDisposable(join(tmpdir(), 'headwater-link-'));
  const stateFile = join(directory.path, 'state.json');
  const before = await startNode({ plane, stateFile });
  await before.until(() => before.state.keyring.current !== null);
  await before[Symbol.asyncDispose]();
  await using node = await startNode({ plane, stateFile, joinToken: '' });
  await node.until(() => node.state.keyring.current !== null);
  // The control plane's clock runs past the end of every credential that it gave so far; the node proves itself anew.
  plane.clock.advance(1_000_000);
  await makeStream(plane, 'show');
  await node.until(() => node.state.streams.has('show'));
  await healthOf(plane, 'edge-1', true);
  assert.ok(!node.events.includes('fleet_removed'));
});

test('a key is kept before a token is used up for it', async () => {
  await using plane = await startTestPlane();
  await using directory = await mkdtempDisposable(join(tmpdir(), 'headwater-link-'));
  const stateFile = join(directory.path, 'state.json');
  const node = await startNode({ plane, stateFile, joinToken: 'wrong' });
  await node.until(() => node.events.includes('fleet_join_failed'));
  await node[Symbol.asyncDispose]();
  const kept = await readNodeState(stateFile);
  assert.equal(kept?.isEnrolled, false);
  await using again = await startNode({ plane, stateFile });
  await again.until(() => again.state.keyring.current !== null);
  assert.equal((await readNodeState(stateFile))?.privateKey.equals(kept.privateKey), true);
});

test('a node whose id another machine took over comes back by its standing token', async () => {
  await using plane = await startTestPlane();
  await using directory = await mkdtempDisposable(join(tmpdir(), 'headwater-link-'));
  const stateFile = join(directory.path, 'state.json');
  const before = await startNode({ plane, stateFile });
  await before.until(() => before.state.cursor !== null);
  await before[Symbol.asyncDispose]();
  await joinAs(plane);
  await using node = await startNode({ plane, stateFile });
  await makeStream(plane, 'show');
  await node.until(() => node.state.streams.has('show'));
});

test('a replica that does not answer is left for the next', async () => {
  await using plane = await startTestPlane();
  await using directory = await mkdtempDisposable(join(tmpdir(), 'headwater-link-'));
  await makeStream(plane, 'show');
  const url = `http://127.0.0.1:9,${plane.url}`;
  await using node = await startNode({ plane, url, stateFile: join(directory.path, 'state.json') });
  await node.until(() => node.state.streams.has('show'));
});

test('who answers in the control plane\u2019s stead ends no node, and is left', async () => {
  await using plane = await startTestPlane();
  await using directory = await mkdtempDisposable(join(tmpdir(), 'headwater-link-'));
  await makeStream(plane, 'show');
  const pages = ['', '{}', '"up"', '{"cursor":"c","snapshot":true}'];
  const session = JSON.stringify({ credential: 'x', expiresAtMs: plane.clock.nowMs() + 900_000, heartbeatMs: 1_000 });
  await using stranger = createServer(({ url = '' }, response) => {
    if (url === '/v1/nodes/join') response.end(session);
    else if (url !== '/v1/feed') response.end();
    else if (pages.length > 0) response.end(pages.shift());
    else response.writeHead(401).end();
  }).listen(0, '127.0.0.1');
  await once(stranger, 'listening');
  const url = `http://127.0.0.1:${(stranger.address() as AddressInfo).port},${plane.url}`;
  await using node = await startNode({ plane, url, stateFile: join(directory.path, 'state.json') });
  await node.until(() => node.state.streams.has('show'));
  assert.deepEqual(pages, []);
});

test('a replica that hangs as a credential is renewed is left as soon as one that hangs at a heartbeat', async () => {
  await using plane = await startTestPlane();
  await using directory = await mkdtempDisposable(join(tmpdir(), 'headwater-link-'));
  await makeStream(plane, 'show');
  const session = JSON.stringify({ credential: 'x', expiresAtMs: plane.clock.nowMs() + 900_000, heartbeatMs: 100 });
  const renewing = Promise.withResolvers<void>();
  await using hung = createServer(({ url = '' }, response) => {
    if (url === '/v1/nodes/join') response.end(session);
    else if (url.endsWith('/heartbeat')) response.writeHead(204).end();
    else if (url.endsWith('/credential')) renewing.resolve();
  }).listen(0, '127.0.0.1');
  await once(hung, 'listening');
  const url = `http://127.0.0.1:${(hung.address() as AddressInfo).port},${plane.url}`;
  await using node = await startNode({ plane, url, stateFile: join(directory.path, 'state.json') });
  await node.until(() => node.events.includes('fleet_joined'));
  plane.clock.advance(500_000);
  await renewing.promise;
  const startMs = performance.now();
  await node.until(() => node.state.streams.has('show'));
  const tookMs = performance.now() - startMs;
  assert.ok(tookMs < 3_500, `${tookMs} ms`);
});

test('a wrong join token is told once, however often it is refused', async () => {
  await using plane = await startTestPlane();
  await using directory = await mkdtempDisposable(join(tmpdir(), 'headwater-link-'));
  const stateFile = join(directory.path, 'state.json');
  const refused = () => plane.log.filter((line) => line.includes('"node_refused"')).length;
  await using node = await startNode({ plane, stateFile, joinToken: 'wrong' });
  while (refused() < 2) await plane.call('GET', '/healthz');
  assert.equal(node.events.filter((event) => event === 'fleet_join_failed').length, 1);
  assert.equal(node.state.cursor, null);
});

test('a control plane that lost everything does not empty the fleet', async () => {
  await using first = await startTestPlane();
  await using second = await startTestPlane();
  await using directory = await mkdtempDisposable(join(tmpdir(), 'headwater-link-'));
  const stateFile = join(directory.path, 'state.json');
  const before = await startNode({ plane: first, stateFile });
  await joinAs(first, { id: 'origin-1', role: 'origin', url: 'http://h:2' });
  await before.until(() => before.state.nodes.has('origin-1'));
  await before[Symbol.asyncDispose]();
  await using node = await startNode({ plane: second, stateFile });
  const kid = node.state.keyring.current?.kid;
  await node.until(() => node.state.keyring.current?.kid !== kid);
  assert.deepEqual([...node.state.nodes.keys()].sort(), ['edge-1', 'origin-1']);
});

test('a silent node is unhealthy for the others, and an origin\u2019s heartbeat brings its streams', async () => {
  await using plane = await startTestPlane();
  await using directory = await mkdtempDisposable(join(tmpdir(), 'headwater-link-'));
  await makeStream(plane, 'show');
  await using watcher = await startNode({ plane, stateFile: join(directory.path, 'edge.json') });
  const origin = await startNode({
    plane,
    stateFile: join(directory.path, 'origin.json'),
    node: { id: 'origin-1', role: 'origin' },
    streams: () => [{ name: 'show', epochOrdinal: 3 }],
  });
  await watcher.until(() => watcher.state.streams.get('show')?.origin === 'origin-1');
  assert.equal(watcher.state.nodes.get('origin-1')?.healthy, true);
  await origin[Symbol.asyncDispose]();
  // The control plane's clock is moved as fast as its sweeps run, so that three seconds take some of ours.
  const timer = setInterval(() => plane.clock.advance(250), 250);
  await watcher.until(() => watcher.state.nodes.get('origin-1')?.healthy === false);
  clearInterval(timer);
  assert.equal(watcher.state.nodes.get('edge-1')?.healthy, true);
  await healthOf(plane, 'origin-1', false);
});
