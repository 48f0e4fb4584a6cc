import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@headwater/service/clock';
import { TokenBucket, shareOfBudget } from './token-bucket.ts';

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

test('those who share a budget together spend no more than one who has it alone', () => {
  const clock = new ManualClock(0);
  const whole = { ratio: 0.1, perSecond: 2, most: 10 };
  const buckets = Array.from({ length: 4 }, () => new TokenBucket(shareOfBudget(whole, 4), clock));
  const spend = (): number => buckets.reduce((sum, bucket) => sum + spendAll(bucket), 0);
  assert.equal(spend(), 4 * 2, 'of two and a half, two each');
  clock.advance(1_000);
  assert.equal(spend(), 4, 'half of one was left over, and half of one is new');
  for (const bucket of buckets) for (let requests = 0; requests < 10; requests += 1) bucket.earn();
  assert.equal(spend(), 4, 'a tenth of what each has sent');
  const [few] = Array.from({ length: 64 }, () => new TokenBucket(shareOfBudget(whole, 64), clock));
  assert.equal(few === undefined ? 0 : spendAll(few), 1, 'a whole one at least');
});
