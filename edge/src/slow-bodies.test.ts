import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BODY_DEADLINE_MS, SLOW_LOOKS, SlowBodies } from './slow-bodies.ts';

/** How many looks a body lasts that grows by so many bytes between them. */
function lasts(growth: (look: number) => number, hasUnread = false): number {
  using bodies = new SlowBodies(3_600_000);
  let bytes = 0;
  let isCut = false;
  bodies.watch({
    isOver: () => false,
    hasUnread: () => hasUnread,
    receivedBytes: () => bytes,
    cut: () => (isCut = true),
  });
  for (let look = 1; look < 1_000; look += 1) {
    bytes += growth(look);
    bodies.look();
    if (isCut) return look;
  }
  return Infinity;
}

const LONGEST = BODY_DEADLINE_MS / 1_000 + 1;

test('a body that comes too slowly is cut', () => {
  assert.equal(
    lasts(() => 0),
    SLOW_LOOKS + 1,
  );
  assert.equal(
    lasts(() => 1_023),
    SLOW_LOOKS + 1,
  );
});

test('one that comes well has its time, and stalls in it', () => {
  assert.equal(
    lasts(() => 1_024),
    LONGEST,
  );
  assert.equal(
    lasts((look) => (look % 30 < SLOW_LOOKS ? 0 : 10_000)),
    LONGEST,
  );
});

test('one that nobody takes is not slow', () => {
  assert.equal(
    lasts(() => 0, true),
    LONGEST,
  );
});

test('one that is over is not looked at again', () => {
  using bodies = new SlowBodies(3_600_000);
  let looks = 0;
  bodies.watch({
    isOver: () => true,
    hasUnread: () => false,
    receivedBytes: () => (looks += 1),
    cut: () => assert.fail(),
  });
  for (let look = 0; look < 2 * SLOW_LOOKS; look += 1) bodies.look();
  assert.equal(looks, 1);
});
