/** What every Registry must do. Another implementation is another row of the table. */

import assert from 'node:assert/strict';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { testNode } from '@headwater/protocol/test-node';
import { systemClock } from '@headwater/service/clock';
import { openDatabase } from '../database.ts';
import { openEmbeddedStore } from '../state/embedded-store.ts';
import { startTestConsul } from '../test-consul.ts';
import { openConsulRegistry } from './consul-registry.ts';
import { openEmbeddedRegistry } from './embedded-registry.ts';
import { type Instance, type Registry, nextGeneration } from './registry.ts';

interface Place extends AsyncDisposable {
  readonly registry: Registry;
}

async function embedded(): Promise<Place> {
  const directory = await mkdtempDisposable(join(tmpdir(), 'headwater-registry-'));
  const database = openDatabase(join(directory.path, 'state.db'));
  return {
    registry: openEmbeddedRegistry({ store: openEmbeddedStore(database), clock: systemClock }),
    async [Symbol.asyncDispose]() {
      database.close();
      await directory.remove();
    },
  };
}

async function consul(): Promise<Place> {
  const server = await startTestConsul();
  const registry = openConsulRegistry({ url: server.url, token: null, replica: 'one', clock: systemClock });
  return {
    registry,
    async [Symbol.asyncDispose]() {
      await registry[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

const IMPLEMENTATIONS: readonly (readonly [name: string, place: () => Promise<Place>])[] = [
  ['embedded', embedded],
  ['consul', consul],
];

const EDGE = testNode({ place: { latitude: 1.5, longitude: -2 }, zone: 'eu', failureDomain: 'rack-7' });
const ORIGIN = testNode({
  id: 'origin-1',
  role: 'origin',
  rtmpUrl: 'rtmp://origin.example:1935',
  rtmpsUrl: 'rtmps://origin.example:1936',
});

for (const [name, makePlace] of IMPLEMENTATIONS) {
  suite(`the ${name} registry`, () => {
    test('knows an announced node by all that it said', async () => {
      await using place = await makePlace();
      const { registry } = place;
      assert.equal(registry.instances().size, 0);
      await registry.announce(EDGE);
      await registry.announce(ORIGIN);
      const instance = registry.instances().get('edge-1');
      assert.deepEqual(instance?.node, EDGE);
      assert.deepEqual(registry.instances().get('origin-1')?.node, ORIGIN);
      assert.equal(instance.replica, registry.replica);
      assert.deepEqual([instance.passing, instance.maintenance], [true, false]);
      registry.beat('edge-1');
      registry.beat('nobody');
    });

    test('a new announcement replaces the old one, with a higher generation', async () => {
      await using place = await makePlace();
      const { registry } = place;
      await registry.announce(EDGE);
      const before = registry.instances().get('edge-1') as Instance;
      await registry.announce({ ...EDGE, url: 'http://elsewhere.example:1' });
      const after = registry.instances().get('edge-1') as Instance;
      assert.equal(after.node.url, 'http://elsewhere.example:1');
      assert.ok(after.generation > before.generation);
      assert.equal(registry.instances().size, 1);
    });

    test('maintenance is the operator’s word, and stays over a new announcement', async () => {
      await using place = await makePlace();
      const { registry } = place;
      await registry.announce(EDGE);
      let changes = 0;
      const stop = registry.onChange(() => (changes += 1));
      await registry.setMaintenance('edge-1', true);
      await registry.setMaintenance('nobody', true);
      assert.equal(registry.instances().get('edge-1')?.maintenance, true);
      await registry.announce(EDGE);
      assert.equal(registry.instances().get('edge-1')?.maintenance, true);
      await registry.setMaintenance('edge-1', false);
      assert.equal(registry.instances().get('edge-1')?.maintenance, false);
      assert.ok(changes >= 3);
      stop();
    });

    test('a withdrawn node is gone', async () => {
      await using place = await makePlace();
      const { registry } = place;
      await registry.announce(EDGE);
      await registry.withdraw('edge-1');
      await registry.withdraw('edge-1');
      assert.equal(registry.instances().has('edge-1'), false);
    });

    test('values change only as their writer saw them', async () => {
      await using place = await makePlace();
      const { kv } = place.registry;
      assert.equal(await kv.get('a'), null);
      assert.equal(await kv.cas('a', 'one', 0), true);
      assert.equal(await kv.cas('a', 'two', 0), false);
      const kept = await kv.get('a');
      assert.equal(kept?.value, 'one');
      assert.equal(await kv.cas('a', 'two', kept.index + 1), false);
      assert.equal(await kv.cas('a', 'two', kept.index), true);
      assert.equal((await kv.get('a'))?.value, 'two');
    });

    test('one that stands alone becomes the leader', async () => {
      await using place = await makePlace();
      const { registry } = place;
      for (const endMs = performance.now() + 5_000; !registry.leadership.isLeader && performance.now() < endMs;) {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      assert.equal(registry.leadership.isLeader, true);
      assert.ok(registry.leadership.fence > 0);
    });
  });
}

test('a generation grows with time, and beyond what is known', () => {
  assert.equal(nextGeneration(undefined, 5.5), 5);
  const known: Instance = { node: EDGE, generation: 9, replica: 'r', passing: true, maintenance: false };
  assert.equal(nextGeneration(known, 5), 10);
  assert.equal(nextGeneration(known, 50), 50);
});
