/** What every Registry must do. Another implementation is another row of the table. */

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { testNode } from '@headwater/protocol/test-node';
import { type Instance, nextGeneration } from './registry.ts';
import { REGISTRIES, until } from './test-registries.ts';

const EDGE = testNode({ place: { latitude: 1.5, longitude: -2 }, zone: 'eu', failureDomain: 'rack-7' });
const ORIGIN = testNode({
  id: 'origin-1',
  role: 'origin',
  rtmpUrl: 'rtmp://origin.example:1935',
  rtmpsUrl: 'rtmps://origin.example:1936',
});

for (const [name, makePlace] of REGISTRIES) {
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

    test('the leader removes whom the fleet does not know', async () => {
      await using place = await makePlace();
      const { registry } = place;
      await registry.announce(EDGE);
      await registry.announce(ORIGIN);
      await registry.withdraw('edge-1');
      await registry.removeStale((id) => id === 'origin-1');
      assert.deepEqual([...registry.instances().keys()], ['origin-1']);
    });

    test('a listener that throws is called again, and costs the others nothing', async () => {
      await using place = await makePlace();
      const { registry, troubles } = place;
      const seen: boolean[] = [];
      let throws = true;
      const stop = registry.onChange(() => {
        if (throws) throw new Error('not now');
        seen.push(registry.instances().has('edge-1'));
      });
      let others = 0;
      registry.onChange(() => (others += 1));
      await registry.announce(EDGE);
      assert.ok(others > 0);
      assert.ok(troubles.includes('listener'));
      throws = false;
      await until('it was called again', () => seen.length > 0);
      assert.equal(seen[0], true);
      stop();
      const count = seen.length;
      await registry.withdraw('edge-1');
      assert.equal(seen.length, count);
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

    test('one that stands alone becomes the leader, behind a fence', async () => {
      await using place = await makePlace();
      const { registry } = place;
      await until('it leads', () => registry.leadership.isLeader);
      assert.ok(registry.leadership.fence !== null);
    });
  });
}

test('a generation grows with time, and beyond what is known', () => {
  assert.equal(nextGeneration(undefined, 5.5), 5);
  const known: Instance = { node: EDGE, generation: 9, replica: 'r', passing: true, maintenance: false };
  assert.equal(nextGeneration(known, 5), 10);
  assert.equal(nextGeneration(known, 50), 50);
});
