import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HEURISTIC_STATUSES, STALE_IF_ERROR_STATUSES, UNDERSTOOD_STATUSES } from './status.ts';

test('statuses as the RFCs list them', () => {
  assert.deepEqual([...STALE_IF_ERROR_STATUSES], [500, 502, 503, 504]);
  for (const status of HEURISTIC_STATUSES) assert.ok(UNDERSTOOD_STATUSES.has(status));
  for (const status of [299, 418, 451, 499, 599]) assert.ok(!UNDERSTOOD_STATUSES.has(status));
});
