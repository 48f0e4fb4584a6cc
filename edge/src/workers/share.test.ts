import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readConfig } from '../config.ts';
import { shareOf } from './share.ts';

test('workers together have what the node has, and each can hold an object of any size', () => {
  const whole = readConfig({ HEADWATER_EDGE_WORKERS: '16', HEADWATER_MAX_CONNECTIONS_PER_IP: '100' });
  const { limits } = shareOf(whole);
  for (const name of [
    'ramBytes',
    'diskBytes',
    'connections',
    'waiters',
    'fills',
    'prefetches',
    'unsentBytes',
  ] as const) {
    assert.equal(limits[name], Math.ceil(whole.limits[name] / 16), name);
  }
  assert.deepEqual(limits.connectionsPerAddress, { loopback: 7, elsewhere: 7 });
  assert.equal(limits.fillBytes, whole.limits.objectBytes);
  for (const name of ['objectBytes', 'urlBytes', 'deadlineMs', 'streams'] as const) {
    assert.equal(limits[name], whole.limits[name], name);
  }
});

test('no cap on an address stays none', () => {
  const { limits } = shareOf(readConfig({ HEADWATER_EDGE_WORKERS: '2', HEADWATER_MAX_CONNECTIONS_PER_IP: '0' }));
  assert.deepEqual(limits.connectionsPerAddress, { loopback: 0, elsewhere: 0 });
});
