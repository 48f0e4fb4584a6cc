/** The model itself: content with what is right, and not with what is wrong. */

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { generateHistory } from './generate.ts';
import { describeHistory } from './history.ts';
import { judge } from './model.ts';
import { startPassThrough } from './pass-through.ts';
import { play } from './play.ts';
import type { StartSystem } from './system-under-test.ts';
import { shrink } from './shrink.ts';
import { type Mistake, SMALL_CACHE, startSmallCache } from './small-cache.ts';
import type { Promises } from './verdict.ts';

const REPERTOIRE = {
  purges: true,
  restarts: false,
  tokens: false,
  h2: false,
  resets: false,
  layouts: [[1, 'alone']],
} as const;
/** Of systems that promise nothing but to be correct. */
const NOTHING: Promises = {
  bounds: {
    heuristicShare: 0,
    heuristicLongestS: 0,
    negativeS: {},
    negativeLongestS: 0,
    whileRevalidateS: 0,
    ifErrorS: 0,
  },
  caches: false,
  cacheStatus: null,
  resumes: false,
};

/** Of one that says what it does. */
const TALKING: Promises = { ...NOTHING, cacheStatus: SMALL_CACHE };

/** The first history that breaks a rule, and which. */
async function firstViolation(
  start: StartSystem,
  histories: number,
  promises = NOTHING,
): Promise<{ seed: number; text: string } | null> {
  for (let seed = 1; seed <= histories; seed += 1) {
    const history = generateHistory(seed, REPERTOIRE);
    const [violation] = judge(await play(history, start), promises);
    if (violation !== undefined) {
      return { seed, text: `${violation.rule}: ${violation.detail}\n${describeHistory(history)}` };
    }
  }
  return null;
}

suite('the model', () => {
  test('is content with a proxy that stores nothing', async () => {
    assert.equal(await firstViolation(startPassThrough, 300), null);
  });

  test('is content with a small cache that keeps to the rules', async () => {
    assert.equal(await firstViolation((parts) => startSmallCache(parts, null), 300, TALKING), null);
  });

  const mistakes: [mistake: Mistake, rule: RegExp][] = [
    ['forgets the host', /^(?:other key|purged|soft purge)/],
    ['forgets Vary', /^(?:vary|bytes)/],
    ['keeps for ever', /^stale/],
    ['forgets Age', /^(?:stale|Age)/],
    ['keeps what must not be shared', /^(?:stored|unshared)/],
    ['keeps the authorized', /^(?:stored|unshared)/],
    ['keeps the truncated', /^truncated/],
    ['ends cleanly', /^truncated/],
    ['forgets purges', /^(?:purged|soft purge)/],
    ['purges no fills', /^(?:purged|invalidated)/],
    ['survives unsafe methods', /^invalidated/],
    ['hears no withdrawal', /^withdrawn/],
    ['answers HEAD with 404', /^own answer/],
    ['says hit', /^Cache-Status: small; hit, but it was fetched/],
    ['says miss', /^Cache-Status: small; fwd=miss, but the origin was not asked/],
    ['counts no age', /^Age: 0, where/],
  ];
  for (const [mistake, rule] of mistakes) {
    test(`catches a cache that ${mistake}`, async () => {
      const found = await firstViolation((parts) => startSmallCache(parts, mistake), 2_000, TALKING);
      assert.match(found?.text ?? 'nothing was found', rule);
    });
  }
});

test('one seed makes one history', () => {
  assert.deepEqual(generateHistory(17), generateHistory(17));
  assert.notDeepEqual(generateHistory(17), generateHistory(18));
});

test('a failing history shrinks to what makes it fail', async () => {
  const start: StartSystem = (parts) => startSmallCache(parts, 'forgets purges');
  const found = await firstViolation(start, 2_000);
  const fails = async (history: Parameters<typeof play>[0]): Promise<boolean> =>
    judge(await play(history, start), NOTHING).some(({ rule }) => rule === 'purged' || rule === 'soft purge');
  const smallest = await shrink(generateHistory(found?.seed ?? 0, REPERTOIRE), fails);
  assert.equal(await fails(smallest), true);
  assert.deepEqual(
    smallest.steps.map(({ kind }) => kind),
    ['ask', 'purge', 'ask'],
    describeHistory(smallest),
  );
});
