import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NetworkMap } from './network-map.ts';

test('the lowest number of all networks that an address lies in, however wide they are', () => {
  const networks = new NetworkMap();
  const all = ['10.0.0.0/8', '10.1.2.3', '2001:DB8::/32', '::ffff:192.0.2.9/24', '10.0.0.0/8', '203.0.113.0/32'];
  assert.ok(all.every((text, number) => networks.add(text, number)));
  const found = (address: string) => networks.lowestOf(address);
  assert.deepEqual(['10.1.2.3', '2001:db8:ffff::1', '192.0.2.77', '203.0.113.0'].map(found), [0, 2, 3, 5]);
  assert.deepEqual(['203.0.113.1', '2001:db9::1', '', 'x'].map(found), [null, null, null, null]);
  networks.add('0.0.0.0/0', 9);
  assert.deepEqual(['203.0.113.1', '10.1.2.3', '2001:db9::1'].map(found), [9, 0, null]);
});

test('what is no network is not taken in', () => {
  assert.deepEqual(
    ['', '10.0.0.0/33', '10.0.0', 'fe80::1%eth0'].map((text) => new NetworkMap().add(text, 0)),
    [false, false, false, false],
  );
});
