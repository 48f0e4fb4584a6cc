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

test('an address lies in one network of a size, however it is written', () => {
  const cases: [address: string, network: string][] = [
    ['203.0.113.7', '203.0.113.0/24'],
    ['::ffff:203.0.113.9', '203.0.113.0/24'],
    ['2001:db8:0:1234::1', '2001:db8:0:1200:0:0:0:0/56'],
    ['2001:0db8:0000:12ff:1:2:3:4', '2001:db8:0:1200:0:0:0:0/56'],
    ['2001:db8:a:b:c:d:192.0.2.1', '2001:db8:a:0:0:0:0:0/56'],
    ['::1', '0:0:0:0:0:0:0:0/56'],
    ['fe80::1%eth0', 'fe80:0:0:0:0:0:0:0/56'],
    ['nowhere', 'nowhere'],
  ];
  for (const [address, network] of cases) {
    assert.equal(networkOf(address, { ipv4Bits: 24, ipv6Bits: 56 }), network, address);
  }
  assert.equal(networkOf('203.0.113.7', { ipv4Bits: 32, ipv6Bits: 64 }), '203.0.113.7/32');
});
