import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ManualClock } from '@headwater/service/clock';
import { STORES } from '../state/test-stores.ts';
import { START_MS } from './test-people.ts';
import { Throttle, isAlarming } from './throttle.ts';

const LOG_LIMIT = 50;
const ANNA = { kind: 'account', name: 'anna' } as const;

for (const [name, makePlace] of STORES) {
  suite(`the throttle in the ${name} store`, () => {
    test('delays grow to a quarter of an hour, end, and are forgotten', async () => {
      await using place = await makePlace(LOG_LIMIT);
      const clock = new ManualClock(START_MS);
      const throttle = new Throttle(await place.reopen(), clock);
      const waits: number[] = [];
      for (let failures = 1; failures <= 20; failures += 1) {
        assert.deepEqual(await throttle.charge(ANNA), { ok: true, failures });
        const next = await throttle.charge(ANNA);
        waits.push(next.ok ? 0 : next.waitMs);
        if (next.ok) await throttle.refund(ANNA);
        else clock.advance(next.waitMs);
      }
      const grown = Array.from({ length: 16 }, (_, n) => Math.min(1_000 * 2 ** n, 900_000));
      assert.deepEqual(waits, [0, 0, 0, 0, ...grown]);
      clock.advance(3_600_000);
      assert.deepEqual(await throttle.charge(ANNA), { ok: true, failures: 1 });
    });

    test('many at once get no more guesses than one after another', async () => {
      await using place = await makePlace(LOG_LIMIT);
      const clock = new ManualClock(START_MS);
      const throttle = new Throttle(await place.reopen(), clock);
      const charges = await Promise.all(Array.from({ length: 40 }, () => throttle.charge(ANNA)));
      assert.ok(charges.filter(({ ok }) => ok).length <= 5);
    });

    test('a good attempt gives back what it cost, and no more; an account forgets', async () => {
      await using place = await makePlace(LOG_LIMIT);
      const clock = new ManualClock(START_MS);
      const throttle = new Throttle(await place.reopen(), clock);
      for (let n = 0; n < 4; n += 1) await throttle.charge(ANNA);
      await throttle.refund(ANNA);
      assert.deepEqual(await throttle.charge(ANNA), { ok: true, failures: 4 });
      assert.deepEqual(await throttle.charge({ kind: 'source', name: 'anna' }), { ok: true, failures: 1 });
      await throttle.forget(ANNA);
      assert.deepEqual(await throttle.charge(ANNA), { ok: true, failures: 1 });
      await throttle.refund(ANNA);
      await throttle.refund(ANNA);
      assert.deepEqual(await throttle.charge(ANNA), { ok: true, failures: 1 });
    });
  });
}

test('it knows ten thousand subjects; those of long ago make room', async () => {
  const [, makePlace] = STORES[0] as (typeof STORES)[number];
  await using place = await makePlace(LOG_LIMIT);
  const store = await place.reopen();
  const clock = new ManualClock(START_MS);
  const trouble = { failures: 1, lastMs: START_MS - 1, freeAtMs: 0 };
  const filler = Array.from(
    { length: 10_000 },
    (_, n) => ({ collection: 'trouble', id: `x${n}`, expect: 0, body: trouble }) as const,
  );
  await store.commit({ changes: filler });
  const throttle = new Throttle(store, clock);
  assert.deepEqual(await throttle.charge(ANNA), { ok: true, failures: 1 });
  assert.equal(await store.count('trouble'), 9_001);
  assert.deepEqual(await throttle.charge(ANNA), { ok: true, failures: 2 });
});

test('the first failure that is followed by a delay is told of, and each doubling', () => {
  const told = Array.from({ length: 81 }, (_, n) => n).filter((failures) => isAlarming('account', failures));
  assert.deepEqual(told, [5, 10, 20, 40, 80]);
});
