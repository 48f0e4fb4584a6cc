import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ViewerSocket } from './viewer-exchange.ts';
import { WAITERS_OF_SHARED, Waiters } from './waiters.ts';

function socket(shared?: object): ViewerSocket {
  return { destroyed: false, setTimeout: () => 0, destroy: () => 0, ...(shared === undefined ? {} : { shared }) };
}

test('so many wait, and no more', () => {
  const waiters = new Waiters(2);
  const first = socket();
  assert.ok(waiters.enter(first));
  assert.ok(waiters.enter(socket()));
  assert.ok(!waiters.enter(socket()));
  waiters.leave(first);
  assert.equal(waiters.count, 1);
  assert.ok(waiters.enter(first));
});

test('of a connection that requests share a few wait, and no more', () => {
  const waiters = new Waiters(100);
  const session = {};
  const streams = Array.from({ length: WAITERS_OF_SHARED + 1 }, () => socket(session));
  assert.equal(streams.filter((stream) => waiters.enter(stream)).length, WAITERS_OF_SHARED);
  assert.equal(waiters.count, WAITERS_OF_SHARED);
  assert.ok(waiters.enter(socket({})));
  waiters.leave(streams[0] ?? assert.fail());
  assert.ok(waiters.enter(streams.at(-1) ?? assert.fail()));
  assert.ok(!waiters.enter(socket(session)));
});
