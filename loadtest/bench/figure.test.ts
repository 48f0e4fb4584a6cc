import assert from 'node:assert/strict';
import { test } from 'node:test';
import { quantile } from '@headwater/test/fleet/quantile.ts';
import { holds } from './figure.ts';

test('quantiles are by nearest rank', () => {
  const samples = [5, 1, 4, 2, 3];
  assert.equal(quantile(samples, 0.5), 3);
  assert.equal(quantile(samples, 0.99), 5);
  assert.equal(quantile(samples, 0), 1);
  assert.throws(() => quantile([], 0.5), RangeError);
});

test('a bound is inclusive on both sides', () => {
  const line = { what: '', unit: '', note: '' };
  assert.ok(holds({ ...line, value: 2, bound: { most: 2 } }));
  assert.ok(!holds({ ...line, value: 2.01, bound: { most: 2 } }));
  assert.ok(holds({ ...line, value: 2, bound: { least: 2 } }));
  assert.ok(!holds({ ...line, value: 1.99, bound: { least: 2 } }));
  assert.ok(holds({ ...line, value: 1, bound: null }));
});
