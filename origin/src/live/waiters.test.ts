import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Waiters } from './waiters.ts';

test('lets go who waits for a key, and nobody else', async () => {
  const waiters = new Waiters(10);
  const one = waiters.wait('v720/1', 60_000);
  const other = waiters.wait('v720/2', 60_000);
  waiters.wake('v720/1');
  await one;
  assert.equal(waiters.count, 1);
  waiters.wakeAll();
  await other;
  assert.equal(waiters.count, 0);
});

test('gives up at the deadline, and when the asker is gone', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const waiters = new Waiters(10);
  const late = waiters.wait('a', 5_000);
  const gone = new AbortController();
  const left = waiters.wait('a', 5_000, gone.signal);
  gone.abort();
  await left;
  assert.equal(waiters.count, 1);
  context.mock.timers.tick(5_000);
  await late;
  assert.equal(waiters.count, 0);
  await waiters.wait('a', 5_000, gone.signal);
  assert.equal(waiters.count, 0);
});

test('refuses one more than the limit, until one is let go', async () => {
  const waiters = new Waiters(2);
  const first = waiters.wait('a', 60_000);
  const second = waiters.wait('b', 60_000);
  assert.equal(waiters.wait('c', 60_000), null);
  waiters.wake('a');
  await first;
  const third = waiters.wait('c', 60_000);
  assert.ok(third);
  waiters.wakeAll();
  await Promise.all([second, third]);
});
