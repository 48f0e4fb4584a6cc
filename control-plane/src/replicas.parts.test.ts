/** Several replicas over one Consul and one Redis behave as one, whatever of them dies. Every part is a process of its own. */

import assert from 'node:assert/strict';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { FeedState } from '@headwater/protocol/feed-state';
import { IDLE_LOAD, type NodeDescription } from '@headwater/protocol/node';
import { testNode } from '@headwater/protocol/test-node';
import { systemClock } from '@headwater/service/clock';
import { type FleetLink, startFleetLink } from '@headwater/service/fleet-link';
import { until } from './registry/test-registries.ts';
import { type TestConsul, startTestConsul } from './test-consul.ts';
import { JOIN } from './test-plane.ts';
import { type PlaneProcess, startPlaneProcess } from './test-process.ts';
import { type TestRedis, startTestRedis } from './test-redis.ts';

/** Two replicas, each with an agent of its own, over one Redis. */
interface Site extends AsyncDisposable {
  readonly redis: TestRedis;
  readonly agents: readonly [TestConsul, TestConsul];
  readonly one: PlaneProcess;
  readonly two: PlaneProcess;
  startNode(id: string, first: PlaneProcess, change?: Partial<NodeDescription>): Promise<TestNode>;
}

interface TestNode {
  readonly link: FleetLink;
  readonly state: FeedState;
  readonly events: readonly string[];
  /** nodes that it was told are not healthy */
  readonly sick: ReadonlySet<string>;
}

async function startSite(): Promise<Site> {
  await using cleanup = new AsyncDisposableStack();
  const directory = await mkdtempDisposable(join(tmpdir(), 'headwater-replicas-'));
  cleanup.defer(() => directory.remove());
  const redis = cleanup.use(await startTestRedis({ durable: true }));
  const first = cleanup.use(await startTestConsul());
  const second = cleanup.use(await startTestConsul({ join: first }));
  const start = (name: string, agent: TestConsul): Promise<PlaneProcess> =>
    startPlaneProcess({
      HEADWATER_DATA_DIR: join(directory.path, name),
      HEADWATER_NODE_ID: name,
      REDIS_URL: redis.url,
      CONSUL_HTTP_ADDR: agent.url,
    });
  const one = cleanup.use(await start('one', first));
  const two = cleanup.use(await start('two', second));
  const running = cleanup.move();
  return {
    redis,
    agents: [first, second],
    one,
    two,
    async startNode(id, at, change = {}) {
      const other = at === one ? two : one;
      const state = new FeedState();
      const events: string[] = [];
      const sick = new Set<string>();
      const link = await startFleetLink({
        controlUrls: [at.url, other.url],
        joinToken: JOIN,
        node: () => testNode({ id, role: 'geo', ...change }),
        load: () => ({ ...IDLE_LOAD, cpu: 0.5 }),
        state,
        stateFile: join(directory.path, `${id}.json`),
        clock: systemClock,
        log: (_, event) => void events.push(event),
        onPage: ({ messages }) => {
          for (const message of messages)
            if (message.type === 'node' && !message.node.healthy) sick.add(message.node.id);
        },
      });
      running.use(link);
      await until(`${id} has joined`, () => link.connected && state.nodes.has(id));
      return { link, state, events, sick };
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** Watches for a while in which nothing must happen. */
async function forMs(ms: number): Promise<void> {
  const endMs = performance.now() + ms;
  await until('time passes', () => performance.now() > endMs);
}

async function stands(
  plane: PlaneProcess,
  id: string,
): Promise<{ readonly healthy?: boolean; readonly cursor?: string }> {
  return (await plane.call('GET', `/v1/nodes/${id}`)).body;
}

/** What an agent itself has registered. */
async function servicesOf(agent: TestConsul): Promise<readonly string[]> {
  const services = (await agent.ask('/agent/services')) as Record<string, { readonly Service: string }>;
  return Object.keys(services)
    .filter((id) => services[id]?.Service === 'headwater-node')
    .sort();
}

test('what is done at one replica is known at the other, and to every node, at once', async () => {
  await using site = await startSite();
  const { one, two, agents } = site;
  const a = await site.startNode('node-a', one);
  const b = await site.startNode('node-b', two);
  const c = await site.startNode('node-c', one, { zone: 'eu' });
  await until('all know all', () => [a, b, c].every(({ state }) => state.nodes.size === 3));
  assert.deepEqual([await servicesOf(agents[0]), await servicesOf(agents[1])], [['node-a', 'node-c'], ['node-b']]);

  const known = { name: 'show', policy: 'token' };
  assert.equal((await two.call('POST', '/v1/streams', { body: known })).status, 201);
  const streamMs = await until('the stream is known', () => [a, b, c].every(({ state }) => state.streams.has('show')));
  assert.ok(streamMs < 500, `${streamMs} ms`);

  // The node that is drained at one replica is heard at the other.
  await two.call('POST', '/v1/nodes/node-a/drain');
  const drainMs = await until('the drain is known', () =>
    [a, b, c].every(({ state }) => state.nodes.get('node-a')?.draining),
  );
  assert.ok(drainMs < 500, `${drainMs} ms`);
  const checks = async () => Object.keys((await agents[0].ask('/agent/checks')) as object);
  await until('Consul shows it', async () => (await checks()).includes('_service_maintenance:node-a'));
  await two.call('POST', '/v1/nodes/node-a/drain', { body: { draining: false } });
  await until('it is back', () => [a, b, c].every(({ state }) => state.nodes.get('node-a')?.draining === false));

  // Loads and acknowledged cursors, too.
  await until('the load is known', () => [a, b].every(({ state }) => state.nodes.get('node-c')?.load.cpu === 0.5));
  const cursor = c.state.cursor ?? '';
  await until('the cursor is known', async () => ((await stands(two, 'node-c')).cursor ?? '') >= cursor);

  assert.equal((await two.call('DELETE', '/v1/nodes/node-c')).status, 204);
  const goneMs = await until('it is gone', () => [a, b].every(({ state }) => !state.nodes.has('node-c')));
  assert.ok(goneMs < 500, `${goneMs} ms`);
  assert.equal((await one.call('GET', '/v1/nodes/node-c')).status, 404);
  await until('it is out of Consul', async () => !(await servicesOf(agents[0])).includes('node-c'));
  await until('it knows', () => c.events.includes('fleet_removed') || !c.link.connected);
  for (const { sick } of [a, b]) assert.deepEqual([...sick], []);
});

test('a purge that one replica orders is acknowledged by the nodes of the other within half a second', async () => {
  await using site = await startSite();
  const { one, two } = site;
  const edges = [
    await site.startNode('edge-a', one, { role: 'edge' }),
    await site.startNode('edge-b', two, { role: 'edge' }),
  ];
  await until('each knows both', () => edges.every(({ state }) => state.nodes.size === 2));
  for (let round = 0; round < 5; round += 1) {
    const id = String((await one.call('POST', '/v1/purges', { body: { all: true } })).body['id']);
    const progress = async () => (await one.call('GET', `/v1/purges/${id}`)).body;
    await until('both have acknowledged it', async () => typeof (await progress())['ms'] === 'number');
    const { acked, total, ms } = await progress();
    assert.deepEqual([acked, total], [2, 2]);
    assert.ok(Number(ms) < 500, `${String(ms)} ms`);
  }
});

test('a replica that is killed loses no node: they go on at the other, and nobody is told otherwise', async () => {
  await using site = await startSite();
  const { one, two, agents } = site;
  const nodes = await Promise.all(['node-a', 'node-b', 'node-c'].map((id) => site.startNode(id, one)));
  const watcher = await site.startNode('watcher', two);
  await until('all are known', () => watcher.state.nodes.size === 4);
  await one.kill();
  await until('they are heard at the other', async () => (await servicesOf(agents[1])).length === 4);
  await forMs(4_000);
  assert.deepEqual([...watcher.sick], []);
  for (const { link, events } of nodes) {
    assert.equal(link.connected, true);
    assert.equal(events.filter((event) => event === 'fleet_joined').length, 1);
  }
  // What the dead one had left in Consul is the older generation, and goes.
  const known = async () => (await agents[1].ask('/catalog/service/headwater-node')) as readonly unknown[];
  await until('nothing stale is left', async () => (await known()).length === 4);
  assert.equal((await two.call('POST', '/v1/streams', { body: { name: 'show', policy: 'token' } })).status, 201);
  await until('all know it', () => nodes.every(({ state }) => state.streams.has('show')));
});

test('a replica that hangs costs its nodes one deadline: news come by the other, and nobody is told of a lapse', async () => {
  await using site = await startSite();
  const { one, two } = site;
  const nodes = await Promise.all(['node-a', 'node-b'].map((id) => site.startNode(id, one)));
  const watcher = await site.startNode('watcher', two);
  await until('all are known', () => watcher.state.nodes.size === 3);
  one.child.kill('SIGSTOP');
  try {
    assert.equal((await two.call('POST', '/v1/streams', { body: { name: 'show', policy: 'token' } })).status, 201);
    const newsMs = await until('all know it', () => nodes.every(({ state }) => state.streams.has('show')));
    assert.ok(newsMs < 4_000, `${newsMs} ms`);
    await forMs(4_000);
    assert.deepEqual([...watcher.sick], []);
    for (const { link } of nodes) assert.equal(link.connected, true);
  } finally {
    one.child.kill('SIGCONT');
  }
});

test('an agent that is killed makes no node sick: its replica hears them still', async () => {
  await using site = await startSite();
  const { one, two, agents } = site;
  const far = await site.startNode('node-far', two);
  const near = await site.startNode('node-near', one);
  await until('each knows both', () => [far, near].every(({ state }) => state.nodes.size === 2));
  await agents[1].kill();
  await forMs(6_000);
  for (const plane of [one, two])
    for (const id of ['node-far', 'node-near']) assert.equal((await stands(plane, id)).healthy, true, id);
  for (const { sick, link } of [far, near]) assert.deepEqual([[...sick], link.connected], [[], true]);
});

test('without Consul heartbeats are answered and nodes join; with it again everything comes together', async () => {
  await using site = await startSite();
  const { one, two, agents } = site;
  const a = await site.startNode('node-a', one);
  const b = await site.startNode('node-b', two);
  await until('each knows both', () => [a, b].every(({ state }) => state.nodes.size === 2));
  for (const agent of agents) await agent.kill();
  const c = await site.startNode('node-c', two);
  await until('the new one is known', () => [a, b, c].every(({ state }) => state.nodes.size === 3));
  await forMs(5_000);
  for (const { link, sick } of [a, b, c]) assert.deepEqual([[...sick], link.connected], [[], true]);
  await two.call('DELETE', '/v1/nodes/node-c');
  await until('it is gone', () => [a, b].every(({ state }) => !state.nodes.has('node-c')));

  await agents[0].start();
  await agents[1].start();
  await until('Consul knows them', async () => {
    const known = [...(await servicesOf(agents[0])), ...(await servicesOf(agents[1]))];
    return known.join() === 'node-a,node-b';
  });
  for (const { link, sick } of [a, b]) assert.deepEqual([[...sick], link.connected], [[], true]);
});

test('a node is taken out of Consul before its enrolment ends', async () => {
  await using site = await startSite();
  const { one, agents, redis } = site;
  const a = await site.startNode('node-a', one);
  await until('it is in Consul', async () => (await servicesOf(agents[0])).includes('node-a'));
  redis.signal('SIGSTOP');
  try {
    const answer = await one.call('DELETE', '/v1/nodes/node-a');
    assert.deepEqual([answer.status, answer.body['code']], [503, 'state_unavailable']);
  } finally {
    redis.signal('SIGCONT');
  }
  // It is in the fleet still, and its next heartbeat says so.
  await until('it is back', async () => (await servicesOf(agents[0])).includes('node-a'));
  assert.equal(a.link.connected, true);
});
