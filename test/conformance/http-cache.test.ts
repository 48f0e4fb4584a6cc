import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startZoneEdge } from '@headwater/test/fleet/zone-edge.ts';
import { DIFFERENCES } from './http-cache-differences.ts';
import { judgeCache, startSuiteOrigin } from './http-cache-suite.ts';

/** Of the published version: fewer were not all of it. */
const REQUIRED = 157;
const OPTIMAL = 86;

test('the public suite of HTTP cache tests finds an edge as it is by default to do all it must', async (context) => {
  await using origin = await startSuiteOrigin();
  await using edge = await startZoneEdge(origin.url);
  const verdicts = await judgeCache(edge.url);
  const faults = verdicts.flatMap(({ id, complaint }) => {
    const isKnown = DIFFERENCES.has(id);
    if (complaint !== null) return isKnown ? [] : [`${id}: ${complaint}`];
    return isKnown ? [`${id} passes: it is no difference`] : [];
  });
  assert.deepEqual(faults, []);
  for (const [kind, count] of [
    ['required', REQUIRED],
    ['optimal', OPTIMAL],
  ] as const) {
    const own = verdicts.filter((verdict) => verdict.kind === kind);
    assert.equal(own.length, count);
    context.diagnostic(`${kind}: ${own.filter(({ complaint }) => complaint === null).length} of ${count}`);
  }
  const names = new Set(verdicts.map(({ id }) => id));
  assert.deepEqual(
    [...DIFFERENCES.keys()].filter((id) => !names.has(id)),
    [],
  );
});
