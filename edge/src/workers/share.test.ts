import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readConfig } from '../config.ts';
import { shareOf } from './share.ts';

test('workers together have what the node has, and each can hold an object of any size', () => {
  const whole = readConfig({ HEADWATER_EDGE_WORKERS: '16' });
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
  assert.equal(limits.fillBytes, whole.limits.objectBytes);
  for (const name of [
    'objectBytes',
    'urlBytes',
    'deadlineMs',
    'streams',
    'connectionsPerAddress',
    'requestsPerSecondPerAddress',
  ] as const) {
    assert.deepEqual(limits[name], whole.limits[name], name);
  }
});
