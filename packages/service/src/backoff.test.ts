import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backoffMs } from './backoff.ts';

test('doubles up to its ceiling, between half and all of it', () => {
  const at = (attempt: number, random: number) =>
    backoffMs(attempt, { firstMs: 100, maxMs: 1000, random: () => random });
  assert.equal(at(0, 0), 50);
  assert.equal(at(2, 0.5), 300);
  assert.equal(at(60, 0), 500);
  assert.ok(at(60, 0.999) < 1000);
});
