import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { seeded } from '@headwater/protocol/test-random';
import { ManualClock } from '@headwater/service/clock';
import { TargetHealth } from './target-health.ts';

const LIMITS = { failures: 3, openMs: 100, openMostMs: 300 };

function start(): { health: TargetHealth; clock: ManualClock; told: string[] } {
  const clock = new ManualClock(0);
  const told: string[] = [];
  const health = new TargetHealth({ limits: LIMITS, clock, onChange: (state) => told.push(state) });
  return { health, clock, told };
}

function failTimes(health: TargetHealth, times: number): void {
  for (let nth = 0; nth < times; nth += 1) health.fail(health.begin());
}

suite('breaker', () => {
  test('so many failures in a row open it, one fewer does not, and a success in between starts anew', () => {
    const { health, told } = start();
    failTimes(health, 2);
    health.succeed();
    failTimes(health, 2);
    assert.equal(health.isAvailable, true);
    failTimes(health, 1);
    assert.deepEqual([health.state, health.isAvailable, told], ['open', false, ['open']]);
  });

  test('after its time one request tries it, and its success closes it', () => {
    const { health, clock, told } = start();
    failTimes(health, 3);
    clock.advance(99);
    assert.equal(health.isAvailable, false);
    clock.advance(1);
    assert.equal(health.isAvailable, true);
    assert.equal(health.begin(), true);
    assert.deepEqual([health.isAvailable, health.begin()], [false, false], 'one at a time');
    health.succeed();
    assert.deepEqual([health.state, health.isAvailable], ['closed', true]);
    assert.deepEqual(told, ['open', 'half-open', 'closed']);
  });

  test('a trial that fails opens it for twice as long, up to a limit', () => {
    const { health, clock } = start();
    failTimes(health, 3);
    clock.advance(100);
    for (const openMs of [200, 300, 300]) {
      failTimes(health, 1);
      clock.advance(openMs - 1);
      assert.equal(health.isAvailable, false);
      clock.advance(1);
      assert.equal(health.isAvailable, true);
    }
  });

  test('what was under way when it opened does not keep it open longer', () => {
    const { health, clock } = start();
    failTimes(health, 3);
    clock.advance(50);
    health.fail(false);
    clock.advance(50);
    assert.equal(health.state, 'half-open');
    health.begin();
    health.fail(false);
    assert.equal(health.isAvailable, false, 'the trial goes on');
  });

  test('a trial that was given up lets another try', () => {
    const { health, clock } = start();
    failTimes(health, 3);
    clock.advance(100);
    health.leave(health.begin());
    assert.equal(health.isAvailable, true);
  });
});

suite('pages', () => {
  test('one that fails counts once, in whatever spelling and with whatever query', () => {
    const { health, told } = start();
    for (const page of ['/hangs', '/hangs?1', '/h%61ngs?2', '/%68ang%73']) health.fail(health.begin(), page);
    health.fail(health.begin(), '/other');
    assert.deepEqual([health.state, told], ['closed', []]);
    health.fail(health.begin(), '/third');
    assert.deepEqual([health.state, told], ['open', ['open']]);
  });

  test('a connection that failed has nothing to do with a page', () => {
    const { health } = start();
    failTimes(health, LIMITS.failures);
    assert.equal(health.state, 'open');
  });

  test('one that is known to fail is no trial', () => {
    const { health, clock } = start();
    for (let page = 0; page < LIMITS.failures; page += 1) health.fail(health.begin(), `/${page}`);
    clock.advance(LIMITS.openMs);
    health.fail(health.begin(), '/0');
    assert.deepEqual([health.state, health.isAvailable], ['half-open', true]);
    health.fail(health.begin(), '/new');
    assert.equal(health.state, 'open');
  });

  test('fewer that fail than would open it never do, whoever asks for what; as many do as soon as no other is answered', () => {
    const random = seeded(11);
    const pick = (count: number): number => Math.floor(random() * count);
    for (let round = 0; round < 200; round += 1) {
      const { health } = start();
      const bad = LIMITS.failures - 1;
      const pages = bad + pick(5);
      for (let at = 0; at < 100; at += 1) {
        const page = pick(pages);
        const isTrial = health.begin();
        if (page < bad) health.fail(isTrial, `/${page}?${at}`);
        else health.succeed();
        assert.equal(health.state, 'closed');
      }
      health.succeed();
      const asked = new Set<number>();
      while (health.state === 'closed') {
        const page = pick(LIMITS.failures * 3);
        asked.add(page);
        health.fail(health.begin(), `/${page}`);
      }
      assert.equal(asked.size, LIMITS.failures);
    }
  });
});

test('a target that says it is not ready is not asked', () => {
  const { health } = start();
  health.setReady(false);
  assert.equal(health.isAvailable, false);
  health.setReady(true);
  assert.equal(health.isAvailable, true);
});
