import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isInPrefix, networkOf, parseIpPrefix } from './ip-prefix.ts';

test('addresses lie in the networks they lie in', () => {
  const cases: [string, string, boolean][] = [
    ['203.0.113.7', '203.0.113.7', true],
    ['203.0.113.7', '203.0.113.8', false],
    ['203.0.113.7/24', '203.0.113.200', true],
    ['203.0.113.0/25', '203.0.113.128', false],
    ['203.0.113.0/25', '203.0.113.127', true],
    ['0.0.0.0/0', '9.9.9.9', true],
    ['0.0.0.0/0', '::1', false],
    ['2001:db8::/32', '2001:db8:ffff::1', true],
    ['2001:db8::/32', '2001:db9::1', false],
    ['2001:db8::/33', '2001:db8:8000::', false],
    ['::/0', '2001:db8::1', true],
    ['::1', '0:0:0:0:0:0:0:1', true],
    ['::ffff:10.0.0.0/8', '10.2.3.4', true],
    ['64:ff9b::1.2.3.4', '64:ff9b::102:304', true],
    ['10.0.0.0/8', '::ffff:10.1.2.3', true],
    ['10.0.0.0/8', 'not an address', false],
    ['10.0.0.0/8', '10.0.0.1%eth0', false],
  ];
  for (const [network, address, inside] of cases) {
    const prefix = parseIpPrefix(network);
    assert.ok(prefix !== null, network);
    assert.equal(isInPrefix(address, prefix), inside, `${address} in ${network}`);
  }
});

test('what is no network is refused', () => {
  for (const text of [
    '',
    '/',
    '1.2.3',
    '1.2.3.4/33',
    '1.2.3.4/-1',
    '1.2.3.4/08',
    '::/129',
    'fe80::1%eth0',
    'host',
    '1.2.3.4/24/8',
  ]) {
    assert.equal(parseIpPrefix(text), null, text);
  }
});

test('addresses of one customer share a network, however they are written', () => {
  const same: [string, string][] = [
    ['203.0.113.7', '203.0.113.250'],
    ['203.0.113.7', '::ffff:203.0.113.9'],
    ['2001:db8:0:1200::1', '2001:0db8:0000:12ff:1:2:3:4'],
    ['2001:db8::1', '2001:db8:0:ff::'],
    ['unknown', 'unknown'],
  ];
  for (const [a, b] of same) assert.equal(networkOf(a), networkOf(b), `${a} ${b}`);
  const apart: [string, string][] = [
    ['203.0.113.7', '203.0.114.7'],
    ['2001:db8::1', '2001:db8:0:100::1'],
    ['::1', 'unknown'],
  ];
  for (const [a, b] of apart) assert.notEqual(networkOf(a), networkOf(b), `${a} ${b}`);
});
