import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LatencyWindow } from './latency-window.ts';

test('nothing is said of few; then the quantile, and of the last ones only', () => {
  const window = new LatencyWindow(0.95);
  for (let ms = 1; ms <= 47; ms += 1) window.add(ms);
  assert.equal(window.value, null);
  window.add(48);
  assert.equal(window.value, 46);
  for (let nth = 0; nth < 256; nth += 1) window.add(nth % 100 < 96 ? 5 : 500);
  assert.equal(window.value, 5);
  for (let nth = 0; nth < 256; nth += 1) window.add(nth % 10 === 0 ? 500 : 5);
  assert.equal(window.value, 500);
});
