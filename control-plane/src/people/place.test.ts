import assert from 'node:assert/strict';
import { test } from 'node:test';
import { placeOf } from './place.ts';

test('a place is a network of one size', () => {
  assert.equal(placeOf('203.0.113.7'), '203.0.113.0/24');
  assert.equal(placeOf('2001:db8:a:b:c:d:e:f'), placeOf('2001:db8:a::1'));
  assert.notEqual(placeOf('2001:db8:a::1'), placeOf('2001:db8:b::1'));
});
