import assert from 'node:assert/strict';
import { test } from 'node:test';
import { placeOf, sourceOf } from './place.ts';

test('an address stands in a network, and belongs to one source', () => {
  for (const [address, place, source] of [
    ['203.0.113.7', '203.0.113.0/24', '203.0.113.7'],
    ['2001:db8:a:b:c:d:e:f', '2001:db8:a::/48', '2001:db8:a:b::/64'],
    ['2001:0db8::1', '2001:db8:0::/48', '2001:db8:0:0::/64'],
    ['::1', '0:0:0::/48', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0::/48', 'fe80:0:0:0::/64'],
    ['2001:db8:a:b:c:d:192.0.2.1', '2001:db8:a::/48', '2001:db8:a:b::/64'],
    ['nowhere', 'unknown', 'unknown'],
  ] as const) {
    assert.deepEqual([placeOf(address), sourceOf(address)], [place, source], address);
  }
});
