import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { test } from 'node:test';
import { ConnectionCaps, capPerAddress } from './connection-caps.ts';

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

test('a server closes the connection over the cap, spares who stands for many, and takes another once one has gone', async () => {
  let [refused, isSparing] = [0, false];
  const server = createServer((socket) => socket.resume().write('taken'));
  capPerAddress(server, {
    cap: { loopback: 1, elsewhere: 1 },
    isSpared: () => isSparing,
    onRefused: () => (refused += 1),
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const open = () => connect((server.address() as AddressInfo).port, '127.0.0.1').resume();
  const first = open();
  await once(first, 'data');
  const second = open();
  await once(second, 'close');
  assert.equal(refused, 1);
  isSparing = true;
  const third = open();
  await once(third, 'data');
  isSparing = false;
  first.end();
  await once(first, 'close');
  const fourth = open();
  await once(fourth, 'data');
  assert.equal(refused, 1);
  for (const socket of [third, fourth]) socket.destroy();
  server.close();
});
