import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testRecord } from '@headwater/protocol/test-node';
import { ManualClock } from '@headwater/service/clock';
import { feedOf } from './edge-rig.ts';
import { Peers } from './peers.ts';

test('nobody is sent to an edge that is found gone here, though the fleet takes it to be well', () => {
  const nodes = ['edge-1', 'edge-2', 'edge-3'].map((id) => ({ type: 'node', node: testRecord({ id }) }) as const);
  const gone = new Set<string>();
  const peers = new Peers({
    feed: feedOf('http://origin.example', nodes),
    ownId: 'edge-1',
    clock: new ManualClock(0),
    isGone: (baseUrl) => gone.has(baseUrl),
  });
  const first = peers.of('show');
  assert.ok(first !== null);
  gone.add(first);
  const second = peers.of('show');
  assert.ok(second !== null && second !== first, 'at once, however fresh the choice is');
  gone.add(second);
  assert.equal(peers.of('show'), null);
});
