/** What every Registry must do. Another implementation is another row of the table. */

import assert from 'node:assert/strict';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { type Heartbeat, IDLE_LOAD, type JoinRequest } from '@headwater/protocol/node';
import { testNode, testRecord } from '@headwater/protocol/test-node';
import { ManualClock } from '@headwater/service/clock';
import { openDatabase } from '../database.ts';
import { LAPSE_MS, openEmbeddedRegistry } from './embedded-registry.ts';
import type { NodeNews, Registry } from './registry.ts';

interface Place extends AsyncDisposable {
  readonly clock: ManualClock;
  readonly news: NodeNews[];
  /** Opens the registry that is there, as after a restart of the control plane. */
  reopen(): Promise<Registry>;
}

const IMPLEMENTATIONS: readonly (readonly [name: string, place: () => Promise<Place>])[] = [['embedded', embedded]];

async function embedded(): Promise<Place> {
  const directory = await mkdtempDisposable(join(tmpdir(), 'headwater-registry-'));
  const clock = new ManualClock(1_000_000);
  const news: NodeNews[] = [];
  let close = () => {};
  return {
    clock,
    news,
    async reopen() {
      close();
      const database = openDatabase(join(directory.path, 'state.db'));
      close = () => database.close();
      return openEmbeddedRegistry({ database, clock, tell: async (told) => void news.push(...told) });
    },
    async [Symbol.asyncDispose]() {
      close();
      await directory.remove();
    },
  };
}

const EDGE: JoinRequest = testNode({ url: 'http://127.0.0.1:8080' });
const BEAT: Heartbeat = {
  cursor: 'c.1',
  load: { ...IDLE_LOAD, cpu: 0.5, connections: 2 },
  draining: false,
};

/** Time passes as it does for a process that runs: sweeps come along. */
async function pass(registry: Registry, place: Place, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 250) {
    place.clock.advance(Math.min(250, left));
    await registry.sweep();
  }
}

function healthOf(registry: Registry, id: string): boolean | undefined {
  return registry.member(id)?.record.healthy;
}

for (const [name, makePlace] of IMPLEMENTATIONS) {
  suite(`the ${name} registry`, () => {
    test('takes a node in, and tells of it', async () => {
      await using place = await makePlace();
      const registry = await place.reopen();
      assert.equal(registry.member('edge-1'), null);
      assert.equal(await registry.join(EDGE, 'hash-1', 9), 'joined');
      const record = testRecord(EDGE);
      assert.deepEqual(registry.member('edge-1')?.record, record);
      assert.deepEqual(place.news, [{ type: 'node', node: record }]);
      assert.equal(registry.identify('hash-1')?.record.id, 'edge-1');
      assert.equal(registry.identify('hash-2'), null);
    });

    test('a heartbeat brings load and cursor, and is no news', async () => {
      await using place = await makePlace();
      const registry = await place.reopen();
      await registry.join(EDGE, 'hash-1', 9);
      place.news.length = 0;
      assert.equal(await registry.heartbeat('edge-1', BEAT), true);
      assert.equal(await registry.heartbeat('edge-2', BEAT), false);
      assert.deepEqual(registry.member('edge-1')?.record.load, BEAT.load);
      assert.equal(registry.member('edge-1')?.cursor, 'c.1');
      assert.deepEqual(place.news, []);
    });

    test('a silent node is unhealthy after three seconds, once, and a heartbeat heals it', async () => {
      await using place = await makePlace();
      const registry = await place.reopen();
      await registry.join(EDGE, 'hash-1', 9);
      place.news.length = 0;
      await pass(registry, place, LAPSE_MS - 1);
      assert.equal(healthOf(registry, 'edge-1'), true);
      await pass(registry, place, 1);
      assert.equal(healthOf(registry, 'edge-1'), false);
      await pass(registry, place, 2 * LAPSE_MS);
      assert.equal(place.news.length, 1);
      await registry.heartbeat('edge-1', BEAT);
      assert.equal(healthOf(registry, 'edge-1'), true);
      assert.equal(place.news.length, 2);
    });

    test('a pause of the control plane itself makes no node unhealthy', async () => {
      await using place = await makePlace();
      const registry = await place.reopen();
      await registry.join(EDGE, 'hash-1', 9);
      place.clock.advance(60_000);
      await registry.sweep();
      assert.equal(healthOf(registry, 'edge-1'), true);
      await pass(registry, place, LAPSE_MS);
      assert.equal(healthOf(registry, 'edge-1'), false);
    });

    test('draining is told, by the node or by the operator, whose word survives a new join', async () => {
      await using place = await makePlace();
      const registry = await place.reopen();
      await registry.join(EDGE, 'hash-1', 9);
      const draining = () => registry.member('edge-1')?.record.draining;
      await registry.heartbeat('edge-1', { ...BEAT, draining: true });
      assert.equal(draining(), true);
      await registry.heartbeat('edge-1', BEAT);
      assert.equal(draining(), false);
      assert.equal(await registry.setDrained('edge-1', true), true);
      assert.equal(await registry.setDrained('edge-2', true), false);
      await registry.heartbeat('edge-1', BEAT);
      await registry.join(EDGE, 'hash-2', 9);
      assert.equal(draining(), true);
      await registry.setDrained('edge-1', false);
      assert.equal(draining(), false);
      const told = place.news.map((message) => (message.type === 'node' ? message.node.draining : null));
      assert.deepEqual(told, [false, true, false, true, true, false]);
    });

    test('a new join takes the id over: the old credential ends', async () => {
      await using place = await makePlace();
      const registry = await place.reopen();
      await registry.join(EDGE, 'hash-1', 9);
      await registry.join({ ...EDGE, url: 'http://127.0.0.1:9999' }, 'hash-2', 9);
      assert.equal(registry.identify('hash-1'), null);
      assert.equal(registry.identify('hash-2')?.record.url, 'http://127.0.0.1:9999');
      assert.equal(registry.members().length, 1);
    });

    test('a removed node is gone, and so is its credential', async () => {
      await using place = await makePlace();
      const registry = await place.reopen();
      await registry.join(EDGE, 'hash-1', 9);
      assert.equal(await registry.remove('edge-1'), true);
      assert.equal(await registry.remove('edge-1'), false);
      assert.equal(registry.identify('hash-1'), null);
      assert.deepEqual(place.news.at(-1), { type: 'node-removed', id: 'edge-1' });
    });

    test('at the limit the node that was silent the longest makes room; a healthy fleet is full', async () => {
      await using place = await makePlace();
      const registry = await place.reopen();
      await registry.join(EDGE, 'hash-1', 2);
      await pass(registry, place, 500);
      await registry.join({ ...EDGE, id: 'edge-2' }, 'hash-2', 2);
      assert.equal(await registry.join({ ...EDGE, id: 'edge-3' }, 'hash-3', 2), 'full');
      await pass(registry, place, 500);
      assert.equal(await registry.join(EDGE, 'hash-4', 2), 'joined');
      await pass(registry, place, LAPSE_MS);
      assert.equal(await registry.join({ ...EDGE, id: 'edge-3' }, 'hash-3', 2), 'joined');
      assert.deepEqual(
        registry
          .members()
          .map(({ record }) => record.id)
          .sort(),
        ['edge-1', 'edge-3'],
      );
    });

    test('a restart knows the fleet and its credentials, and gives it three seconds', async () => {
      await using place = await makePlace();
      const before = await place.reopen();
      await before.join({ ...EDGE, rtmpUrl: 'rtmp://h:1' }, 'hash-1', 9);
      await before.setDrained('edge-1', true);
      place.clock.advance(3_600_000);
      const registry = await place.reopen();
      const member = registry.identify('hash-1');
      assert.equal(member?.record.rtmpUrl, 'rtmp://h:1');
      assert.equal(member?.record.draining, true);
      assert.equal(member?.heardAtMs, null);
      await pass(registry, place, LAPSE_MS - 1);
      assert.equal(healthOf(registry, 'edge-1'), true);
      await pass(registry, place, 1);
      assert.equal(healthOf(registry, 'edge-1'), false);
    });
  });
}
