/** The registry in a real Consul: what it tells other replicas, and every way in which Consul goes wrong. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testNode } from '@headwater/protocol/test-node';
import { systemClock } from '@headwater/service/clock';
import { type TestConsul, startTestConsul } from '../test-consul.ts';
import { startTestRelay } from '../test-relay.ts';
import { openConsulRegistry } from './consul-registry.ts';
import type { Instance, Registry } from './registry.ts';
import { until } from './test-registries.ts';

interface Replica extends AsyncDisposable {
  readonly registry: Registry;
  readonly troubles: string[];
  instance(id?: string): Instance | undefined;
}

function open(url: string, replica: string, token: string | null = null): Replica {
  const troubles: string[] = [];
  const onTrouble = (what: string, error: unknown): void =>
    void troubles.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
  const registry = openConsulRegistry({ url, token, replica, clock: systemClock, onTrouble });
  return {
    registry,
    troubles,
    instance: (id = 'edge-1') => registry.instances().get(id),
    [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose](),
  };
}

const EDGE = testNode({
  place: { latitude: 52.5, longitude: -13.25 },
  zone: 'eu',
  failureDomain: 'rack-7',
  version: '',
});
const ORIGIN = testNode({
  id: 'origin-1',
  role: 'origin',
  url: 'https://[2001:db8::1]',
  rtmpUrl: 'rtmp://o.example:1935',
  rtmpsUrl: 'rtmps://o.example:1936',
});

interface Entry {
  readonly Node: { readonly Node: string };
  readonly Service: { readonly ID: string; readonly Tags: readonly string[]; readonly Port: number };
  readonly Checks: readonly { readonly CheckID: string; readonly Status: string; readonly Output: string }[];
}

/** What Consul has of the fleet. */
async function entries(consul: TestConsul, token?: string): Promise<readonly Entry[]> {
  return (await consul.ask('/health/service/headwater-node', token === undefined ? {} : { token })) as readonly Entry[];
}

/** Whether Consul has heard a node's heartbeat lately. */
async function isPassing(consul: TestConsul, id = 'edge-1'): Promise<boolean> {
  const entry = (await entries(consul)).find(({ Service }) => Service.ID === id);
  return entry?.Checks.find(({ CheckID }) => CheckID === `service:${id}`)?.Status === 'passing';
}

/** Heartbeats, more often than nodes send them, until it fits. */
async function beatingUntil(
  what: string,
  { registry }: Replica,
  fits: () => boolean | Promise<boolean>,
): Promise<number> {
  return until(what, () => {
    for (const id of registry.instances().keys()) registry.beat(id);
    return fits();
  });
}

test('another replica sees a node by all that it said, and what becomes of it', async () => {
  await using consul = await startTestConsul();
  await using one = open(consul.url, 'one');
  await using two = open(consul.url, 'two');
  await one.registry.announce(EDGE);
  await one.registry.announce(ORIGIN);
  await until('both are seen', () => two.registry.instances().size === 2);
  assert.deepEqual(two.registry.instances(), one.registry.instances());
  const edge = (await entries(consul)).find(({ Service }) => Service.ID === 'edge-1');
  assert.deepEqual([edge?.Service.Tags, edge?.Service.Port], [['edge', 'zone-eu'], 80]);

  await one.registry.setMaintenance('edge-1', true);
  const toldMs = await beatingUntil('maintenance is seen', one, () => two.instance()?.maintenance === true);
  assert.ok(toldMs < 500, `${toldMs} ms from the word to the watch`);
  assert.equal(two.instance()?.passing, true);
  await one.registry.announce({ ...EDGE, version: '2' });
  await beatingUntil('the new process is seen', one, () => two.instance()?.node.version === '2');
  assert.equal(two.instance()?.maintenance, true);
  await one.registry.setMaintenance('edge-1', false);
  await beatingUntil('it is back in service', one, () => two.instance()?.maintenance === false);

  const silentMs = await until('silence is seen', () => two.instance()?.passing === false);
  assert.ok(silentMs > 1_000 && silentMs < 3_000, `${silentMs} ms`);
  await beatingUntil('a heartbeat is seen', one, () => two.instance()?.passing === true);
  await one.registry.withdraw('edge-1');
  assert.deepEqual(
    (await entries(consul)).map(({ Service }) => Service.ID),
    ['origin-1'],
  );
});

test('heartbeats wake no watch, and what they leave in Consul never changes', async () => {
  await using consul = await startTestConsul();
  await using one = open(consul.url, 'one');
  await using two = open(consul.url, 'two');
  await one.registry.announce(EDGE);
  await until('it is seen', () => two.instance() !== undefined);
  await beatingUntil('it is heard', one, () => isPassing(consul));
  let changes = 0;
  two.registry.onChange(() => (changes += 1));
  let beats = 0;
  await beatingUntil('many heartbeats', one, () => (beats += 1) > 100);
  assert.equal(changes, 0);
  const [entry] = await entries(consul);
  assert.equal(entry?.Checks.find(({ CheckID }) => CheckID === 'service:edge-1')?.Output, '');
});

test('the same answer again changes nothing', async () => {
  await using consul = await startTestConsul();
  await using one = open(consul.url, 'one');
  await using two = open(consul.url, 'two');
  await one.registry.announce(EDGE);
  await until('it is seen', () => two.instance() !== undefined);
  const known = two.registry.instances();
  let answers = 0;
  two.registry.onChange(() => (answers += 1));
  for (let round = 0; round < 3; round += 1) {
    // Another service's coming and going moves Consul's index for ours, as it does for every watch.
    const service = { ID: 'other', Name: 'headwater-node', Meta: { role: 'stranger', round: String(round) } };
    await consul.ask('/agent/service/register', { method: 'PUT', body: service });
    await beatingUntil('an answer came', one, () => answers > round);
    assert.deepEqual(two.registry.instances(), known);
  }
});

/** What a replica's token needs; docs/configuration.md says the same. */
const LEAST_RULES = `
  service "headwater-node" { policy = "write" }
  service "headwater-control" { policy = "write" }
  node_prefix "" { policy = "read" }
  session_prefix "" { policy = "write" }
  key_prefix "headwater/" { policy = "write" }
`;

test('with access control on, an answer that may not be read empties no fleet', async () => {
  const token = 'b1gs3cr3-7000-0000-0000-000000000000';
  await using consul = await startTestConsul({ masterToken: token });
  const put = (path: string, body: object) => consul.ask(path, { method: 'PUT', body, token });
  const policy = (await put('/acl/policy', { Name: 'replica', Rules: LEAST_RULES })) as { ID: string };
  const made = (await put('/acl/token', { Policies: [{ Name: 'replica' }] })) as { SecretID: string };

  const one = open(consul.url, 'one', token);
  await using two = open(consul.url, 'two', made.SecretID);
  await using nobody = open(consul.url, 'nobody');
  await one.registry.announce(EDGE);
  await two.registry.announce(ORIGIN);
  await until('each sees both', () => one.registry.instances().size === 2 && two.registry.instances().size === 2);
  assert.equal(await two.registry.kv.cas('a', 'x', 0), true);
  await two.registry.setMaintenance('origin-1', true);
  await until('maintenance is seen', () => one.instance('origin-1')?.maintenance === true);
  await one[Symbol.asyncDispose]();
  await until('it may lead', () => two.registry.leadership.isLeader);
  for (let round = 0; round < 2; round += 1) await two.registry.removeStale((id) => id !== 'edge-1');
  assert.deepEqual(
    (await entries(consul, token)).map(({ Service }) => Service.ID),
    ['origin-1'],
  );
  assert.deepEqual(two.troubles, []);
  // Without a token the answer is an empty list, and no error.
  assert.deepEqual(await entries(consul), []);
  assert.equal(nobody.registry.instances().size, 0);

  await using three = open(consul.url, 'three', token);
  await put(`/acl/policy/${policy.ID}`, { Name: 'replica', Rules: '' });
  await three.registry.announce({ ...EDGE, version: '2' });
  await until('it was told', () => two.troubles.some((trouble) => trouble.includes('an empty answer')));
  assert.deepEqual([...two.registry.instances().keys()].sort(), ['edge-1', 'origin-1']);
  assert.notEqual(two.instance('edge-1')?.node.version, '2');
  await put(`/acl/policy/${policy.ID}`, { Name: 'replica', Rules: LEAST_RULES });
  await beatingUntil('it may look again', two, () => two.instance('edge-1')?.node.version === '2');
});

test('under a revoked token a node stays passing for ever: it is taken out before, or superseded, or removed', async () => {
  const token = 'b1gs3cr3-7000-0000-0000-000000000000';
  await using consul = await startTestConsul({ masterToken: token });
  const made = (await consul.ask('/acl/token', {
    method: 'PUT',
    body: { Policies: [{ Name: 'global-management' }] },
    token,
  })) as { SecretID: string; AccessorID: string };
  await using one = open(consul.url, 'one', token);
  await until('it leads', () => one.registry.leadership.isLeader);
  await using two = open(consul.url, 'two', made.SecretID);
  const names = async () => (await entries(consul, token)).map(({ Service }) => Service.ID).sort();
  for (const id of ['a', 'b', 'c']) await two.registry.announce(testNode({ id }));
  await until('they are seen', () => one.registry.instances().size === 3);
  await two.registry.withdraw('a');
  assert.deepEqual(await names(), ['b', 'c']);

  await consul.ask(`/acl/token/${made.AccessorID}`, { method: 'DELETE', token });
  await beatingUntil('it was told', two, () => two.troubles.some((trouble) => trouble.startsWith('heartbeat: ')));
  const checks = async () => (await consul.ask('/agent/checks', { token })) as Record<string, { Status: string }>;
  await until('its agent knows better', async () => (await checks())['service:c']?.Status === 'critical');
  assert.equal(one.instance('c')?.passing, true);
  await one.registry.announce(testNode({ id: 'b' }));
  await until('the newer one counts', () => one.instance('b')?.replica === 'one');
  await two.registry.withdraw('c');
  assert.deepEqual(await names(), ['b', 'c']);
  await one.registry.removeStale((id) => id === 'b');
  await one.registry.removeStale((id) => id === 'b');
  assert.deepEqual(await names(), ['b']);
});

test('an agent that comes back without its state is told again, by heartbeats', async () => {
  await using consul = await startTestConsul();
  await using one = open(consul.url, 'one');
  await using two = open(consul.url, 'two');
  await one.registry.announce(EDGE);
  await one.registry.setMaintenance('edge-1', true);
  await two.registry.announce(ORIGIN);
  await until('each sees both', () => one.registry.instances().size === 2 && two.registry.instances().size === 2);
  await until('one leads', () => one.registry.leadership.isLeader || two.registry.leadership.isLeader);

  await consul.kill();
  const startMs = performance.now();
  for (const { registry } of [one, two]) for (const id of ['edge-1', 'origin-1']) registry.beat(id);
  await one.registry.announce({ ...EDGE, version: '2' });
  assert.ok(performance.now() - startMs < 500, 'nobody waits for an agent that is gone');
  await until('it was told', () => one.troubles.some((trouble) => trouble.startsWith('watch: ')));
  await until('nobody leads', () => !one.registry.leadership.isLeader && !two.registry.leadership.isLeader);
  for (const { registry } of [one, two]) assert.equal(registry.instances().size, 2);

  await consul.start();
  await beatingUntil('the new process is seen', one, async () => {
    two.registry.beat('origin-1');
    return two.instance()?.node.version === '2' && two.instance()?.passing === true;
  });
  await until('maintenance is there again', () => two.instance()?.maintenance === true);
  await beatingUntil('origin-1 is there again', two, () => isPassing(consul, 'origin-1'));
  await until('one leads', () => one.registry.leadership.isLeader || two.registry.leadership.isLeader);
});

test('an agent that was away when a node came back into service, and comes back with its state, is told', async () => {
  await using first = await startTestConsul();
  await using second = await startTestConsul({ join: first });
  await using one = open(first.url, 'one');
  await using two = open(second.url, 'two');
  await two.registry.announce(EDGE);
  await two.registry.setMaintenance('edge-1', true);
  await beatingUntil('maintenance is seen', two, () => one.instance()?.maintenance === true);
  await second.kill();
  await two.registry.setMaintenance('edge-1', false);
  await second.start();
  await beatingUntil('it is back in service', two, () => one.instance()?.maintenance === false);
  assert.equal(two.instance()?.maintenance, false);
});

test('a Consul that hangs costs a heartbeat nothing, and a node stays', async () => {
  await using consul = await startTestConsul();
  await using one = open(consul.url, 'one');
  await one.registry.announce(EDGE);
  await beatingUntil('it is seen', one, () => isPassing(consul));
  consul.signal('SIGSTOP');
  try {
    const startMs = performance.now();
    for (let beats = 0; beats < 1_000; beats += 1) one.registry.beat('edge-1');
    assert.ok(performance.now() - startMs < 100);
    await one.registry.announce({ ...EDGE, version: '2' });
    assert.ok(performance.now() - startMs < 2_500, 'an announcement has a deadline');
    assert.equal(one.instance()?.node.version, '2');
  } finally {
    consul.signal('SIGCONT');
  }
  await beatingUntil('it is told', one, async () => (await isPassing(consul)) && one.instance()?.passing === true);
});

test('an agent never has more than 64 connections of a replica', async () => {
  await using consul = await startTestConsul();
  await using relay = await startTestRelay(Number(new URL(consul.url).port));
  await using one = open(`http://127.0.0.1:${relay.port}`, 'one');
  const nodes = Array.from({ length: 200 }, (_, n) => testNode({ id: `edge-${n}` }));
  await Promise.all(nodes.map((node) => one.registry.announce(node)));
  for (const { id } of nodes) one.registry.beat(id);
  await until('all are there', async () => (await entries(consul)).length === 200);
  assert.ok(relay.most() > 8 && relay.most() <= 64, `${relay.most()} connections`);
  assert.deepEqual(one.troubles, []);
});

test('of two agents one dies: its nodes stay known, move, and what it left is removed', async () => {
  await using first = await startTestConsul();
  await using second = await startTestConsul({ join: first });
  await using one = open(first.url, 'one');
  await using two = open(second.url, 'two');
  await one.registry.announce(EDGE);
  await two.registry.announce(ORIGIN);
  await beatingUntil('each sees both', two, () => {
    one.registry.beat('edge-1');
    return one.registry.instances().size === 2 && two.registry.instances().size === 2;
  });

  await second.kill();
  const both = () => [...one.registry.instances().keys()].sort().join() === 'edge-1,origin-1';
  await beatingUntil('the agent is given up', one, () => {
    assert.ok(both());
    return one.instance('origin-1')?.passing === false;
  });
  assert.equal(two.registry.instances().size, 2);
  assert.equal(two.instance('origin-1')?.replica, 'two');
  const stale = one.instance('origin-1') as Instance;

  await one.registry.announce(ORIGIN);
  assert.ok((one.instance('origin-1')?.generation ?? 0) > stale.generation);
  await until('Consul has both', async () => (await entries(first)).length === 3);
  assert.equal(one.instance('origin-1')?.replica, 'one');
  await until('it leads', () => one.registry.leadership.isLeader);
  for (let round = 0; round < 2; round += 1) await one.registry.removeStale(() => true);
  assert.deepEqual((await entries(first)).map(({ Node, Service }) => `${Service.ID}@${Node.Node}`).sort(), [
    `edge-1@node-${new URL(first.url).port}`,
    `origin-1@node-${new URL(first.url).port}`,
  ]);

  // The agent comes back with what it had: the replica behind it sees the higher generation and takes its own out.
  await second.start();
  await beatingUntil('it gave the node up', one, () => two.instance('origin-1')?.replica === 'one');
  await beatingUntil('its own is out', one, async () => (await entries(first)).length === 2);
  assert.equal(one.instance('origin-1')?.replica, 'one');
});
