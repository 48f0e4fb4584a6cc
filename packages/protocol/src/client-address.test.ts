import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type IpPrefix, parseIpPrefix } from './ip-prefix.ts';
import { clientAddress } from './client-address.ts';

const TRUSTED = ['10.0.0.0/8', '2001:db8::/32'].map((text) => parseIpPrefix(text) as IpPrefix);

const CASES: readonly (readonly [what: string, socket: string, header: string | undefined, expected: string])[] = [
  ['no proxy', '203.0.113.7', undefined, '203.0.113.7'],
  ['a header from somebody untrusted', '203.0.113.7', '198.51.100.1', '203.0.113.7'],
  ['one trusted proxy', '10.1.2.3', '203.0.113.7', '203.0.113.7'],
  ['a forged front', '10.1.2.3', '198.51.100.1, 203.0.113.7', '203.0.113.7'],
  ['two trusted proxies', '10.1.2.3', '203.0.113.7, 10.9.9.9', '203.0.113.7'],
  ['only trusted ones', '10.1.2.3', '10.9.9.9', '10.9.9.9'],
  ['a mapped socket address', '::ffff:10.1.2.3', '203.0.113.7', '203.0.113.7'],
  ['IPv6', '2001:db8::1', '2001:4860::8888', '2001:4860::8888'],
  ['rubbish in the header', '10.1.2.3', 'unknown', '10.1.2.3'],
  ['an empty header', '10.1.2.3', '', '10.1.2.3'],
];

for (const [what, socket, header, expected] of CASES) {
  test(`client address: ${what}`, () => assert.equal(clientAddress(socket, header, TRUSTED), expected));
}

test('reads sixteen hops and no more', () => {
  const hops = (trusted: number) => ['203.0.113.7', ...Array<string>(trusted).fill('10.0.0.1')].join(',');
  assert.equal(clientAddress('10.0.0.1', hops(15), TRUSTED), '203.0.113.7');
  assert.equal(clientAddress('10.0.0.1', hops(16), TRUSTED), '10.0.0.1');
});
