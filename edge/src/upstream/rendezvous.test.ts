import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Weighted, rank } from './rendezvous.ts';

const KEYS = Array.from({ length: 20_000 }, (_, nth) => `zone/host/library/film-${nth % 997}/segment-${nth}.m4s`);

function fleet(weights: readonly number[]): Weighted[] {
  return weights.map((weight, nth) => ({ url: `http://10.0.0.${nth + 1}:8080`, weight }));
}

function owners(targets: readonly Weighted[]): string[] {
  return KEYS.map((key) => rank(key, targets)[0]?.url ?? '');
}

for (const weights of [
  [1, 1],
  [1, 1, 1],
  [1, 2, 3, 4],
  [5, 1, 1, 1, 1, 1, 1, 1],
]) {
  const targets = fleet(weights);
  const total = weights.reduce((sum, weight) => sum + weight, 0);

  test(`weights ${weights.join(', ')}: each target has its share of keys within a tenth`, () => {
    const owned = owners(targets);
    for (const { url, weight } of targets) {
      const share = owned.filter((owner) => owner === url).length / KEYS.length;
      assert.ok(Math.abs(share / (weight / total) - 1) < 0.1, `${url}: ${share} of ${weight / total}`);
    }
  });

  test(`weights ${weights.join(', ')}: a target that goes moves its own keys and no other, in every place`, () => {
    for (const gone of targets) {
      const left = targets.filter((target) => target !== gone);
      for (const key of KEYS.slice(0, 2_000)) {
        const before = rank(key, targets).filter((target) => target !== gone);
        assert.deepEqual(rank(key, left), before);
      }
      if (left.length < 2) continue;
      const owned = owners(targets);
      const now = owners(left);
      const orphans = owned.flatMap((owner, nth) => (owner === gone.url ? [now[nth]] : []));
      for (const { url, weight } of left) {
        const share = orphans.filter((owner) => owner === url).length / orphans.length;
        assert.ok(Math.abs(share / (weight / (total - gone.weight)) - 1) < 0.25, `${url} inherits ${share}`);
      }
    }
  });
}

test('the order of a list does not matter, and everyone counts the same', () => {
  const targets = fleet([1, 2, 1]);
  for (const key of KEYS.slice(0, 500)) assert.deepEqual(rank(key, targets), rank(key, targets.toReversed()));
});

test('the choice is fixed for good: edges of different versions choose alike', () => {
  const firsts = ['a', 'b', 'zone/x', 'live/demo', ''].map((key) => rank(key, fleet([1, 2, 1]))[0]?.url);
  const [, second, third] = fleet([1, 2, 1]).map(({ url }) => url);
  assert.deepEqual(firsts, [second, second, third, second, second]);
});
