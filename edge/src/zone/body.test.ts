import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Unsent } from '../unsent.ts';
import { Body } from './body.ts';
import { MemoryBudget } from './memory-budget.ts';

test('who has left waits for no byte', async () => {
  const body = new Body({
    id: 'a',
    lengthBytes: 10,
    store: { slice: () => undefined, putSlice: () => undefined },
    budget: new MemoryBudget(0, new Unsent({ limitBytes: 0, onCut: () => undefined })),
    pinLimitBytes: 1_000,
    aloneMs: 1_000,
    isStored: true,
    refetch: () => undefined,
    onIdle: () => undefined,
  });
  const left = { withinMs: 2 ** 31 - 1, signal: AbortSignal.abort() };
  assert.deepEqual(await body.arrival(0, null, left), { kind: 'failed', code: 'upstream_timeout' });
});
