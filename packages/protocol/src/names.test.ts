import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isEpochId, isNodeId, isSessionId, isStreamName, isTrackId, makeEpochId } from './names.ts';

test('each name has a longest form, and one more character is refused', () => {
  const limits: readonly (readonly [(value: unknown) => boolean, number])[] = [
    [isStreamName, 64],
    [isTrackId, 16],
    [isEpochId, 24],
    [isNodeId, 63],
    [isSessionId, 64],
  ];
  for (const [accepts, longest] of limits) {
    assert.ok(accepts('a'.repeat(longest)));
    assert.ok(!accepts('a'.repeat(longest + 1)));
    for (const bad of ['', 'a/b', 'a.b', 'a b', 'ä', 'a\n', '..', '%61', undefined, 7])
      assert.ok(!accepts(bad), String(bad));
  }
});

test('an epoch id sorts by time and differs by its random bits', () => {
  const early = makeEpochId(1_790_000_000_000, new Uint8Array([0, 1, 2, 3, 4]));
  const late = makeEpochId(1_790_000_000_001, new Uint8Array(5));
  assert.ok(isEpochId(early) && isEpochId(late));
  assert.ok(early < late);
  assert.notEqual(early, makeEpochId(1_790_000_000_000, new Uint8Array([9, 1, 2, 3, 4])));
});
