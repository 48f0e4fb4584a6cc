/** The fleet at one replica, and at two that share a store. */

import assert from 'node:assert/strict';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Heartbeat, IDLE_LOAD } from '@headwater/protocol/node';
import { testNode } from '@headwater/protocol/test-node';
import { ManualClock } from '@headwater/service/clock';
import { openDatabase } from './database.ts';
import { type EnrolledNodes, openEnrolledNodes } from './enrolled-nodes.ts';
import { Fleet } from './fleet.ts';
import { LAPSE_MS } from './heard-nodes.ts';
import { openEmbeddedRegistry } from './registry/embedded-registry.ts';
import type { Instance, Registry } from './registry/registry.ts';
import { until } from './registry/test-registries.ts';
import { openEmbeddedStore } from './state/embedded-store.ts';
import type { Store } from './state/store.ts';

interface Replica extends AsyncDisposable {
  readonly fleet: Fleet;
  readonly enrolled: EnrolledNodes;
  readonly registry: TestRegistry;
}

/** A registry that a test can also tell of what other replicas announced. */
type TestRegistry = Registry & { readonly told: Map<string, Instance> };

interface Place extends AsyncDisposable {
  readonly clock: ManualClock;
  readonly store: Store;
  open(name: string): Promise<Replica>;
}

async function makePlace(): Promise<Place> {
  const directory = await mkdtempDisposable(join(tmpdir(), 'headwater-fleet-'));
  const database = openDatabase(join(directory.path, 'state.db'));
  const clock = new ManualClock(1_000_000);
  const store = openEmbeddedStore(database);
  const opened: Replica[] = [];
  return {
    clock,
    store,
    async open(name) {
      const enrolled = await openEnrolledNodes(store);
      const registry = openTestRegistry(openEmbeddedRegistry({ replica: name, store, clock }));
      const fleet = new Fleet({ enrolled, registry, store, clock });
      const replica: Replica = {
        fleet,
        enrolled,
        registry,
        async [Symbol.asyncDispose]() {
          fleet[Symbol.dispose]();
          enrolled[Symbol.dispose]();
          await registry[Symbol.asyncDispose]();
        },
      };
      opened.push(replica);
      return replica;
    },
    async [Symbol.asyncDispose]() {
      for (const replica of opened) await replica[Symbol.asyncDispose]();
      database.close();
      await directory.remove();
    },
  };
}

function openTestRegistry(own: Registry): TestRegistry {
  const told = new Map<string, Instance>();
  return Object.assign(Object.create(own) as Registry, {
    told,
    replica: own.replica,
    instances: () => new Map([...told, ...own.instances()]),
    announce: (node: Instance['node']) => own.announce(node),
    beat: (id: string) => own.beat(id),
    setMaintenance: (id: string, on: boolean) => own.setMaintenance(id, on),
    withdraw: (id: string) => own.withdraw(id),
    onChange: (listener: () => void) => own.onChange(listener),
    [Symbol.asyncDispose]: () => own[Symbol.asyncDispose](),
  });
}

const EDGE = testNode({ url: 'http://127.0.0.1:8080' });
const BEAT: Heartbeat = { cursor: 'c.1', load: { ...IDLE_LOAD, cpu: 0.5, connections: 2 }, draining: false };

async function join1({ fleet, enrolled }: Replica, node = EDGE): Promise<void> {
  const { id, role } = node;
  const entry = { id, role, publicKey: id, node, zone: null, drained: false, enrolledAtMs: 1, servingSinceMs: 1 };
  const terms = { limit: 99, takeOver: true, use: null, makeRoom: () => null };
  assert.equal(await enrolled.enrol(entry, terms), 'enrolled');
  await fleet.announce(node);
}

/** Time passes as it does for processes that run: sweeps come along, and exchanges. */
async function pass(place: Place, ms: number, replicas: readonly Replica[]): Promise<void> {
  for (let left = ms; left > 0; left -= 250) {
    place.clock.advance(Math.min(250, left));
    for (const { fleet } of replicas) fleet.sweep();
    if (left % 1_000 === 0) for (const { fleet } of replicas) await fleet.exchange();
  }
}

function healthOf({ fleet }: Replica, id = 'edge-1'): boolean | undefined {
  return fleet.member(id)?.record.healthy;
}

test('a node that joins is told of, whole', async () => {
  await using place = await makePlace();
  const one = await place.open('one');
  assert.equal(one.fleet.member('edge-1'), null);
  await join1(one);
  const { record, cursor } = one.fleet.member('edge-1') ?? {};
  assert.deepEqual({ ...record, generation: 0 }, { ...EDGE, ...record, ...EDGE, generation: 0 });
  assert.deepEqual([record?.healthy, record?.draining, cursor], [true, false, null]);
  assert.deepEqual(one.fleet.news.since(0, false), { changed: ['edge-1'], removed: [] });
});

test('a heartbeat brings load and cursor, and is no news but to those who rank by load', async () => {
  await using place = await makePlace();
  const one = await place.open('one');
  await join1(one);
  const { news } = one.fleet;
  const { tick } = news;
  assert.equal(one.fleet.heartbeat('edge-1', BEAT), true);
  assert.equal(one.fleet.heartbeat('edge-2', BEAT), false);
  assert.deepEqual(one.fleet.member('edge-1')?.record.load, BEAT.load);
  assert.equal(one.fleet.member('edge-1')?.cursor, 'c.1');
  one.fleet.acknowledged('edge-1', 'c.2');
  assert.equal(one.fleet.member('edge-1')?.cursor, 'c.2');
  assert.equal(news.tick, tick);
  const woken: boolean[] = [];
  one.fleet.onNews((onlyLoads) => woken.push(onlyLoads));
  one.fleet.tellLoads();
  one.fleet.tellLoads();
  assert.deepEqual(woken, [true]);
  assert.deepEqual(news.since(tick, false).changed, []);
  assert.deepEqual(news.since(tick, true).changed, ['edge-1']);
});

test('a silent node is unhealthy after three seconds, once, and a heartbeat heals it', async () => {
  await using place = await makePlace();
  const one = await place.open('one');
  await join1(one);
  const { news } = one.fleet;
  const { tick } = news;
  await pass(place, LAPSE_MS - 1, [one]);
  assert.equal(healthOf(one), true);
  await pass(place, 1, [one]);
  assert.equal(healthOf(one), false);
  assert.equal(news.tick, tick + 1);
  await pass(place, 2 * LAPSE_MS, [one]);
  assert.equal(news.tick, tick + 1);
  one.fleet.heartbeat('edge-1', BEAT);
  assert.equal(healthOf(one), true);
  assert.equal(news.tick, tick + 2);
});

test('a pause of the control plane itself makes no node unhealthy', async () => {
  await using place = await makePlace();
  const one = await place.open('one');
  await join1(one);
  place.clock.advance(60_000);
  one.fleet.sweep();
  assert.equal(healthOf(one), true);
  await pass(place, LAPSE_MS, [one]);
  assert.equal(healthOf(one), false);
});

test('draining is the node\u2019s word, the operator\u2019s, or that of who looks after the registry', async () => {
  await using place = await makePlace();
  const one = await place.open('one');
  await join1(one);
  const draining = () => one.fleet.member('edge-1')?.record.draining;
  one.fleet.heartbeat('edge-1', { ...BEAT, draining: true });
  assert.equal(draining(), true);
  one.fleet.heartbeat('edge-1', BEAT);
  assert.equal(draining(), false);
  await one.registry.setMaintenance('edge-1', true);
  assert.equal(draining(), true);
  await one.registry.setMaintenance('edge-1', false);
  await one.enrolled.update('edge-1', (node) => ({ ...node, drained: true }));
  assert.equal(draining(), true);
  await until('it is mirrored', () => one.registry.instances().get('edge-1')?.maintenance === true);
  await one.fleet.announce(EDGE);
  one.fleet.heartbeat('edge-1', BEAT);
  assert.equal(draining(), true);
  await one.enrolled.update('edge-1', (node) => ({ ...node, drained: false }));
  await until('it is back in service', () => draining() === false);
});

test('a restart knows the fleet, and gives it three seconds', async () => {
  await using place = await makePlace();
  await join1(await place.open('one'));
  place.clock.advance(3_600_000);
  const one = await place.open('one');
  assert.equal(one.fleet.member('edge-1')?.heardAtMs, null);
  await pass(place, LAPSE_MS - 1, [one]);
  assert.equal(healthOf(one), true);
  await pass(place, 1, [one]);
  assert.equal(healthOf(one), false);
});

test('a heartbeat to a replica that does not hear the node moves it there, unless another one does', async () => {
  await using place = await makePlace();
  const [one, two] = [await place.open('one'), await place.open('two')];
  await join1(one);
  one.fleet.heartbeat('edge-1', BEAT);
  const instance = one.registry.instances().get('edge-1') as Instance;
  two.registry.told.set('edge-1', instance);
  await pass(place, 1_000, [one, two]);
  two.fleet.heartbeat('edge-1', BEAT);
  assert.equal(two.fleet.hears('edge-1'), false);
  two.registry.told.set('edge-1', { ...instance, passing: false });
  two.fleet.heartbeat('edge-1', BEAT);
  assert.equal(two.fleet.hears('edge-1'), true);
});

test('a node that joins at one replica is well at the other, before anything was heard of it', async () => {
  await using place = await makePlace();
  const [one, two] = [await place.open('one'), await place.open('two')];
  await join1(one);
  assert.equal(healthOf(two), true);
  await until('it is told of', () => two.fleet.news.ids().length === 1);
  assert.equal(two.fleet.news.tick, 1);
  await pass(place, LAPSE_MS, [two]);
  assert.equal(healthOf(two), false);
});

test('what one replica hears, the other knows: also where the registry cannot tell', async () => {
  await using place = await makePlace();
  const [one, two] = [await place.open('one'), await place.open('two')];
  await join1(one);
  two.registry.told.set('edge-1', { ...(one.registry.instances().get('edge-1') as Instance), passing: false });
  for (let round = 0; round < 10; round += 1) {
    one.fleet.heartbeat('edge-1', BEAT);
    await pass(place, 1_000, [one, two]);
    assert.equal(healthOf(two), true, `second ${round}`);
  }
  assert.deepEqual(two.fleet.member('edge-1')?.record.load, BEAT.load);
  assert.equal(two.fleet.member('edge-1')?.cursor, 'c.1');
  await pass(place, LAPSE_MS, [one, two]);
  assert.equal(healthOf(two), false);
  // In the registry it may stand as passing for ever, such as under a token that was revoked; who would hear it knows better.
  two.registry.told.set('edge-1', { ...(one.registry.instances().get('edge-1') as Instance), passing: true });
  assert.equal(healthOf(two), false);
  // Of what a replica no longer tells the registry knows.
  await pass(place, LAPSE_MS, [two]);
  assert.equal(healthOf(two), true);
});

test('what a replica that is gone had told is neither news nor kept', async () => {
  await using place = await makePlace();
  const [one, two] = [await place.open('one'), await place.open('two')];
  await join1(one);
  one.fleet.heartbeat('edge-1', BEAT);
  await one.fleet.exchange();
  await pass(place, 10_000, [two]);
  assert.equal(healthOf(two), false);
  assert.ok((await place.store.shared('heard')).has('one'));
  await pass(place, 60_000, [two]);
  assert.deepEqual([...(await place.store.shared('heard')).keys()], ['two']);
});

test('a node that one replica drains or removes is taken out of the registry by the one that hears it', async () => {
  await using place = await makePlace();
  const [one, two] = [await place.open('one'), await place.open('two')];
  await join1(one);
  await two.enrolled.update('edge-1', (node) => ({ ...node, drained: true }));
  await until('it is mirrored', () => one.registry.instances().get('edge-1')?.maintenance === true);
  assert.equal(one.fleet.member('edge-1')?.record.draining, true);
  const { tick } = one.fleet.news;
  await two.enrolled.remove('edge-1', 1);
  await until('it is out', () => one.registry.instances().size === 0);
  assert.equal(one.fleet.member('edge-1'), null);
  assert.deepEqual(one.fleet.news.since(tick, true), { changed: [], removed: ['edge-1'] });
});

test('news of many nodes at once are told together', async () => {
  await using place = await makePlace();
  const one = await place.open('one');
  let woken = 0;
  const { promise: again, resolve } = Promise.withResolvers<void>();
  one.fleet.onNews(() => {
    woken += 1;
    if (woken === 2) resolve();
  });
  for (let n = 0; n < 50; n += 1) await join1(one, testNode({ id: `edge-${n}` }));
  await again;
  assert.equal(one.fleet.news.since(0, false).changed.length, 50);
  assert.ok(woken < 10, `${woken} times for 50 nodes`);
});
