/** Versions when their writers race, die half-way, or lose what they knew. */

import assert from 'node:assert/strict';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type ConfigEntry, isInShare } from '@headwater/protocol/settings';
import type { Load } from '@headwater/protocol/node';
import { testRecord } from '@headwater/protocol/test-node';
import { ManualClock } from '@headwater/service/clock';
import { CANARY_MS, ConfigVersions } from './config-versions.ts';
import { openDatabase } from './database.ts';
import type { Member } from './fleet.ts';
import type { KeyValue } from './registry/registry.ts';
import { openEmbeddedStore } from './state/embedded-store.ts';
import { type Store, StoreUnavailable } from './state/store.ts';

const LOOK_MS = 1_000;
const SLOW = { edgeDeadlineMs: 500 };
const FAST = { edgeDeadlineMs: 3_000 };

interface Place extends AsyncDisposable {
  readonly store: Store;
  readonly clock: ManualClock;
  /** what the registry keeps */
  readonly kept: Map<string, { readonly value: string; readonly index: number }>;
  readonly kv: KeyValue;
  readonly verdicts: string[];
  /** how edges fare, by id */
  readonly edges: Map<string, Partial<Load>>;
  leads: boolean;
  /** Another process over the same place. */
  open(change?: { readonly store?: Store; readonly kv?: KeyValue }): ConfigVersions;
  told(): Promise<ConfigEntry | undefined>;
}

async function makePlace(...edges: readonly string[]): Promise<Place> {
  const directory = await mkdtempDisposable(join(tmpdir(), 'headwater-configs-'));
  const database = openDatabase(join(directory.path, 'state.db'));
  const store = openEmbeddedStore(database);
  const clock = new ManualClock(1_000_000);
  const kept: Place['kept'] = new Map();
  const kv: KeyValue = {
    get: async (key) => kept.get(key) ?? null,
    async cas(key, value, index) {
      if ((kept.get(key)?.index ?? 0) !== index) return false;
      kept.set(key, { value, index: index + 1 });
      return true;
    },
  };
  const verdicts: string[] = [];
  const loads = new Map<string, Partial<Load>>(edges.map((id) => [id, { requestsPerSecond: 100 }]));
  const place: Place = {
    store,
    clock,
    kept,
    kv,
    verdicts,
    edges: loads,
    leads: true,
    open({ store: ofStore = store, kv: ofKv = kv } = {}) {
      return new ConfigVersions({
        store: ofStore,
        kv: ofKv,
        leader: { store: ofStore, kv: ofKv, leads: () => place.leads },
        clock,
        fleet: { members: () => [...loads].map(([id, load]) => memberOf(id, load)) },
        onVerdict: (scope, version, verdict) => verdicts.push(`${scope} ${version} ${verdict}`),
      });
    },
    told: async () => (await store.get('config', '*'))?.body as ConfigEntry | undefined,
    async [Symbol.asyncDispose]() {
      database.close();
      await directory.remove();
    },
  };
  return place;
}

function memberOf(id: string, load: Partial<Load>): Member {
  const record = testRecord({ id, load });
  const enrolled = { id, role: record.role, publicKey: '', node: record, zone: null, drained: false };
  return {
    record,
    enrolled: { ...enrolled, enrolledAtMs: 1, servingSinceMs: 1 },
    cursor: null,
    heardAtMs: 1,
    replica: 'one',
  };
}

/** As a leader that looks once a second. */
async function look(configs: ConfigVersions, { clock }: Place, times: number): Promise<void> {
  for (let n = 0; n < times; n += 1) {
    clock.advance(LOOK_MS);
    await configs.judge();
  }
}

/** Holds the first call of a function back until told. */
function heldBack<T extends unknown[], R>(
  work: (...args: T) => Promise<R>,
): { readonly call: (...args: T) => Promise<R>; readonly begun: Promise<void>; readonly letGo: () => void } {
  const begun = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  let isFirst = true;
  return {
    async call(...args) {
      if (isFirst) {
        isFirst = false;
        begun.resolve();
        await go.promise;
      }
      return work(...args);
    },
    begun: begun.promise,
    letGo: () => go.resolve(),
  };
}

/** The same store, but for what is given. */
function storeWith(store: Store, change: Partial<Store>): Store {
  return new Proxy(store, {
    get: (target, name: keyof Store) => change[name] ?? (target[name] as () => unknown).bind(target),
  });
}

test('of two who make a version at once each gets what it made', async () => {
  await using place = await makePlace('edge-1');
  const held = heldBack(async () => undefined);
  const kv: KeyValue = {
    ...place.kv,
    // It has seen which number is the next.
    async get(key) {
      const kept = await place.kv.get(key);
      await held.call();
      return kept;
    },
  };
  const slow = place.open({ kv }).roll('*', { settings: SLOW, sharePercent: 100 });
  await held.begun;
  const fast = await place.open().roll('*', { settings: FAST, sharePercent: 100 });
  held.letGo();
  const numbers = [(await slow)?.version ?? 0, fast?.version ?? 0];
  assert.notEqual(numbers[0], numbers[1]);
  const configs = place.open();
  const kept = await Promise.all(numbers.map((number) => configs.version('*', number)));
  assert.deepEqual(
    kept.map((version) => version?.settings),
    [SLOW, FAST],
  );
});

test('of two who tell at once the newer one is heard, however slow the older is', async () => {
  await using place = await makePlace('edge-1');
  await place.open().roll('*', { settings: {}, sharePercent: 100 });
  const isTelling = heldBack(place.store.commit.bind(place.store));
  const slow = storeWith(place.store, {
    commit: (step) => ((step.log?.length ?? 0) > 0 ? isTelling.call(step) : place.store.commit(step)),
  });
  const older = place.open({ store: slow }).roll('*', { settings: SLOW, sharePercent: 100 });
  await isTelling.begun;
  await place.open().roll('*', { settings: FAST, sharePercent: 100 });
  isTelling.letGo();
  await older;
  assert.deepEqual((await place.told())?.settings, FAST);
});

test('what could not be told is told by the leader: a canary that was taken back, and a first version', async () => {
  await using place = await makePlace('edge-1', 'edge-2');
  const mute = storeWith(place.store, {
    async commit(step) {
      if ((step.log?.length ?? 0) > 0) throw new StoreUnavailable('not now');
      return place.store.commit(step);
    },
  });
  const configs = place.open();
  await assert.rejects(place.open({ store: mute }).roll('*', { settings: FAST, sharePercent: 100 }), StoreUnavailable);
  await look(configs, place, 1);
  assert.deepEqual((await place.told())?.settings, FAST);
  await configs.roll('*', { settings: SLOW, sharePercent: 50 });
  assert.notEqual((await place.told())?.canary, null);
  await assert.rejects(place.open({ store: mute }).rollBack('*'), StoreUnavailable);
  await look(configs, place, 1);
  assert.deepEqual([(await place.told())?.settings, (await place.told())?.canary], [FAST, null]);
});

test('a registry that lost its data overwrites no version, and changes nothing that runs', async () => {
  await using place = await makePlace('edge-1');
  const configs = place.open();
  await configs.roll('*', { settings: FAST, sharePercent: 100 });
  await configs.roll('*', { settings: SLOW, sharePercent: 100 });
  place.kept.clear();
  assert.equal((await configs.running('*')).version, 2);
  await look(configs, place, 3);
  assert.deepEqual((await place.told())?.settings, SLOW);
  assert.equal((await configs.roll('*', { settings: {}, sharePercent: 100 }))?.version, 3);
  assert.deepEqual((await configs.version('*', 1))?.settings, FAST);
});

test('a version is first run by at least one edge, however few there are', async () => {
  const ids = ['edge-1', 'edge-2', 'edge-3'];
  await using place = await makePlace(...ids);
  const configs = place.open();
  for (let round = 0; round < 20; round += 1) {
    const rolled = await configs.roll('*', { settings: SLOW, sharePercent: 1 });
    const { version = 0, sharePercent = 0 } = rolled ?? {};
    const isFirst = (id: string) => isInShare(id, { scope: '*', version }, sharePercent);
    assert.equal(ids.filter(isFirst).length, 1, `version ${version} at ${sharePercent}%`);
    assert.equal((await place.told())?.canary?.sharePercent, sharePercent);
  }
});

test('a leader that has not seen a canary fare for a minute gives it to nobody', async () => {
  await using place = await makePlace('edge-1', 'edge-2');
  await place.open().roll('*', { settings: SLOW, sharePercent: 50 });
  place.clock.advance(10 * CANARY_MS);
  const configs = place.open();
  await look(configs, place, CANARY_MS / LOOK_MS);
  assert.deepEqual(place.verdicts, []);
  await look(configs, place, 1);
  assert.deepEqual(place.verdicts, ['* 1 promoted']);
});

test('a leader that did not lead for a while, or could not look, begins its minute anew', async () => {
  await using place = await makePlace('edge-1', 'edge-2');
  let isAway = false;
  const store = storeWith(place.store, {
    async list(...asked) {
      if (isAway) throw new StoreUnavailable('not now');
      return place.store.list(...asked);
    },
  });
  const configs = place.open({ store });
  await configs.roll('*', { settings: SLOW, sharePercent: 50 });
  await look(configs, place, 2);
  place.leads = false;
  await look(configs, place, 2 * (CANARY_MS / LOOK_MS));
  place.leads = true;
  await look(configs, place, CANARY_MS / LOOK_MS);
  assert.deepEqual(place.verdicts, []);
  isAway = true;
  for (let n = 0; n < CANARY_MS / LOOK_MS; n += 1) await assert.rejects(look(configs, place, 1), StoreUnavailable);
  isAway = false;
  await look(configs, place, CANARY_MS / LOOK_MS);
  assert.deepEqual(place.verdicts, []);
  await look(configs, place, 1);
  assert.deepEqual(place.verdicts, ['* 1 promoted']);
});

test('a canary whose edges are gone is not taken for one that fares well', async () => {
  await using place = await makePlace('edge-1', 'edge-2', 'edge-3');
  const configs = place.open();
  const { version = 0, sharePercent = 0 } = (await configs.roll('*', { settings: SLOW, sharePercent: 1 })) ?? {};
  await look(configs, place, 2);
  for (const id of place.edges.keys()) {
    if (isInShare(id, { scope: '*', version }, sharePercent)) place.edges.delete(id);
  }
  await look(configs, place, 3 * (CANARY_MS / LOOK_MS));
  assert.deepEqual(place.verdicts, []);
});

test('what is taken back is the canary that was looked at, not one that was rolled meanwhile', async () => {
  await using place = await makePlace('edge-1', 'edge-2');
  const operator = place.open();
  // The leader has seen what runs, and is about to change it.
  const held = heldBack((...args: Parameters<KeyValue['cas']>) => place.kv.cas(...args));
  const leader = place.open({ kv: { ...place.kv, cas: held.call } });
  const { version = 0, sharePercent = 0 } = (await operator.roll('*', { settings: SLOW, sharePercent: 1 })) ?? {};
  for (const id of place.edges.keys()) {
    const isFirst = isInShare(id, { scope: '*', version }, sharePercent);
    place.edges.set(id, { requestsPerSecond: 100, errorsPerSecond: isFirst ? 50 : 0 });
  }
  const looking = look(leader, place, 4);
  await held.begun;
  await operator.roll('*', { settings: FAST, sharePercent: 50 });
  held.letGo();
  await looking;
  assert.deepEqual(place.verdicts, []);
  assert.equal((await operator.running('*')).canary?.version, 2);
});
