import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Unsent } from '../unsent.ts';
import { Body } from './body.ts';
import { MemoryBudget } from './memory-budget.ts';
import { StalledFills } from './stalled-fills.ts';

const ALONE_MS = 1_000;

/** A body of ten bytes of which nothing is here. */
function emptyBody(): Body {
  return new Body({
    id: 'a',
    lengthBytes: 10,
    store: { slice: () => undefined, putSlice: () => undefined },
    budget: new MemoryBudget(0, new Unsent({ limitBytes: 0, onCut: () => undefined })),
    pinLimitBytes: 1_000,
    aloneMs: ALONE_MS,
    isStored: true,
    refetch: () => undefined,
    hasRanges: true,
    stalled: new StalledFills(1),
    onIdle: () => undefined,
  });
}

test('who has left waits for no byte', async () => {
  const left = { withinMs: 2 ** 31 - 1, signal: AbortSignal.abort() };
  assert.deepEqual(await emptyBody().arrival(0, null, left), { kind: 'failed', code: 'upstream_timeout' });
});

test('a fill that nobody reads has its time from the last reader on, however many there were', (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const body = emptyBody();
  let isAborted = false;
  const span = {
    position: 0,
    end: 10,
    isOpen: true,
    resume: () => undefined,
    abort: () => (isAborted = true),
    suspend: () => undefined,
  };
  body.begin(span);
  for (let reader = 0; reader < 3; reader += 1) {
    body.leave(body.enter(0));
    context.mock.timers.tick(ALONE_MS - 1);
    assert.equal(isAborted, false, `after reader ${reader}`);
  }
  context.mock.timers.tick(1);
  assert.equal(isAborted, true);
});
