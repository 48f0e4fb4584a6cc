import assert from 'node:assert/strict';
import { test } from 'node:test';
import { capOf, customerOf } from './address-cap.ts';

test('loopback has a cap of its own', () => {
  const cap = { loopback: 0, elsewhere: 7 };
  for (const address of ['127.0.0.1', '127.255.255.254', '::1', '::ffff:127.0.0.1'])
    assert.equal(capOf(address, cap), 0);
  for (const address of ['128.0.0.1', '10.0.0.1', '::2', '2001:db8::1', '::ffff:192.0.2.1', 'no address', ''])
    assert.equal(capOf(address, cap), 7, address);
});

test('an IPv6 /64 is one customer, an IPv4 address is one', () => {
  assert.equal(customerOf('2001:db8:0:1::1'), customerOf('2001:db8:0:1:ffff::2'));
  assert.notEqual(customerOf('2001:db8:0:1::1'), customerOf('2001:db8:0:2::1'));
  assert.equal(customerOf('::ffff:192.0.2.1'), customerOf('192.0.2.1'));
  assert.notEqual(customerOf('192.0.2.1'), customerOf('192.0.2.2'));
});
