import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionCaps } from './connection-caps.ts';
import { DEFAULT_RTMP_LIMITS } from './rtmp-limits.ts';

const NONE = { loopback: 0, elsewhere: 0 };

test('refuses the connection over the cap, and admits again after a release', () => {
  const caps = new ConnectionCaps({ maxConnections: 2, maxConnectionsPerAddress: NONE });
  assert.equal(caps.admit('192.0.2.1'), null);
  assert.equal(caps.admit('192.0.2.2'), null);
  assert.equal(caps.admit('192.0.2.3'), 'connections');
  caps.release('192.0.2.1');
  assert.equal(caps.admit('192.0.2.3'), null);
});

test('refuses one address over its cap and nobody else', () => {
  const caps = new ConnectionCaps({ maxConnections: 0, maxConnectionsPerAddress: { loopback: 1, elsewhere: 1 } });
  assert.equal(caps.admit('192.0.2.1'), null);
  assert.equal(caps.admit('::ffff:192.0.2.1'), 'connections_per_address');
  assert.equal(caps.admit('192.0.2.2'), null);
  caps.release('192.0.2.1');
  assert.equal(caps.admit('::ffff:192.0.2.1'), null);
});

test('an IPv6 /64 is one address', () => {
  const caps = new ConnectionCaps({ maxConnections: 0, maxConnectionsPerAddress: { loopback: 1, elsewhere: 1 } });
  assert.equal(caps.admit('2001:db8:0:1::1'), null);
  assert.equal(caps.admit('2001:db8:0:1:ffff::2'), 'connections_per_address');
  assert.equal(caps.admit('2001:db8:0:2::1'), null);
});

test('0 is no cap', () => {
  const caps = new ConnectionCaps({ maxConnections: 0, maxConnectionsPerAddress: NONE });
  for (let count = 0; count < 5_000; count += 1) assert.equal(caps.admit('192.0.2.1'), null);
});

test('by default an address from elsewhere has a cap, and loopback has none', () => {
  const { maxConnectionsPerAddress } = DEFAULT_RTMP_LIMITS;
  const caps = new ConnectionCaps({ maxConnections: 0, maxConnectionsPerAddress });
  assert.ok(maxConnectionsPerAddress.elsewhere > 0);
  for (let count = 0; count < maxConnectionsPerAddress.elsewhere; count += 1)
    assert.equal(caps.admit('192.0.2.1'), null);
  assert.equal(caps.admit('192.0.2.1'), 'connections_per_address');
  for (let count = 0; count < 5_000; count += 1) assert.equal(caps.admit('127.0.0.1'), null);
});
