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
  assert.deepEqual(limits.connectionsPerAddress, { loopback: 6, elsewhere: 6 });
  assert.equal(limits.fillBytes, whole.limits.objectBytes);
  for (const name of ['objectBytes', 'urlBytes', 'deadlineMs', 'streams'] as const) {
    assert.equal(limits[name], whole.limits[name], name);
  }
});

test('what an address may have is divided, and never becomes nothing', () => {
  const { limits } = shareOf(readConfig({ HEADWATER_EDGE_WORKERS: '4', HEADWATER_MAX_CONNECTIONS_PER_IP: '3' }));
  assert.deepEqual(limits.connectionsPerAddress, { loopback: 1, elsewhere: 1 });
  assert.deepEqual(limits.requestsPerSecondPerAddress, { loopback: 0, elsewhere: 1_250 });
});

test('no cap on an address stays none', () => {
  const { limits } = shareOf(readConfig({ HEADWATER_EDGE_WORKERS: '2', HEADWATER_MAX_CONNECTIONS_PER_IP: '0' }));
  assert.deepEqual(limits.connectionsPerAddress, { loopback: 0, elsewhere: 0 });
});
