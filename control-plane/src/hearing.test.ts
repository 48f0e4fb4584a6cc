import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@headwater/service/clock';
import { Hearing } from './hearing.ts';

/** Time passes as it does for a process that runs: sweeps come along. */
function pass(hearing: Hearing, clock: ManualClock, ms: number): void {
  for (let left = ms; left > 0; left -= 250) {
    clock.advance(Math.min(250, left));
    hearing.sweep();
  }
}

test('silence counts from what was heard last', () => {
  const clock = new ManualClock(5);
  const hearing = new Hearing(clock, 3_000);
  assert.equal(hearing.isSilent('a'), true);
  hearing.heard('a');
  pass(hearing, clock, 2_999);
  assert.equal(hearing.isSilent('a'), false);
  pass(hearing, clock, 1);
  assert.equal(hearing.isSilent('a'), true);
  hearing.heard('a');
  assert.equal(hearing.isSilent('a'), false);
  hearing.forget('a');
  assert.equal(hearing.isSilent('a'), true);
});

test('what was heard a while ago counts from then, and never takes back what is newer', () => {
  const clock = new ManualClock(5);
  const hearing = new Hearing(clock, 3_000);
  hearing.heard('a', 2_000);
  pass(hearing, clock, 999);
  assert.equal(hearing.isSilent('a'), false);
  pass(hearing, clock, 1);
  assert.equal(hearing.isSilent('a'), true);
  hearing.heard('a', 5_000);
  assert.equal(hearing.isSilent('a'), true);
  hearing.heard('a');
  hearing.heard('a', 2_500);
  pass(hearing, clock, 2_999);
  assert.equal(hearing.isSilent('a'), false);
});

test('a pause of the process is nobody\u2019s silence', () => {
  const clock = new ManualClock(5);
  const hearing = new Hearing(clock, 3_000);
  hearing.heard('a');
  pass(hearing, clock, 2_000);
  clock.advance(60_000);
  hearing.sweep();
  pass(hearing, clock, 999);
  assert.equal(hearing.isSilent('a'), false);
  pass(hearing, clock, 1);
  assert.equal(hearing.isSilent('a'), true);
});
