import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@headwater/service/clock';
import { TokenBucket } from './token-bucket.ts';

function spendAll(bucket: TokenBucket): number {
  let spent = 0;
  while (bucket.spend()) spent += 1;
  return spent;
}

test('without anything free, extras are never more than their share, from the first on', () => {
  const bucket = new TokenBucket({ ratio: 0.05, perSecond: 0, most: 5 }, new ManualClock(0));
  let extras = 0;
  for (let requests = 1; requests <= 10_000; requests += 1) {
    bucket.earn();
    if (bucket.spend()) extras += 1;
    assert.ok(extras <= requests * 0.05, `${extras} of ${requests}`);
  }
  assert.equal(extras, 500);
});

test('a few are free each second, and no more are saved than may be', () => {
  const clock = new ManualClock(0);
  const bucket = new TokenBucket({ ratio: 0.1, perSecond: 2, most: 10 }, clock);
  assert.equal(spendAll(bucket), 10);
  clock.advance(1_500);
  assert.equal(spendAll(bucket), 3);
  clock.advance(3_600_000);
  for (let requests = 0; requests < 1_000; requests += 1) bucket.earn();
  assert.equal(spendAll(bucket), 10);
});
