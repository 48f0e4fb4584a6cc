import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SLICE_BYTES } from '../tiers/tier-entry.ts';
import { askedRange } from './asked-range.ts';

const END_OF_FIRST = SLICE_BYTES - 1;

const CASES: readonly (readonly [range: string, exact: string | null, widened?: string, wantedBytes?: number])[] = [
  ['bytes=5-5', 'bytes=5-5', `bytes=0-${END_OF_FIRST}`, 1],
  [`bytes=${END_OF_FIRST}-${SLICE_BYTES}`, `bytes=${END_OF_FIRST}-${SLICE_BYTES}`, `bytes=0-${2 * SLICE_BYTES - 1}`, 2],
  [`bytes=${SLICE_BYTES + 1}-`, `bytes=${SLICE_BYTES + 1}-`, `bytes=${SLICE_BYTES}-`, Infinity],
  ['BYTES = 5-5', null],
  ['bytes=-5', 'bytes=-5', 'bytes=-5', Infinity],
  ['bytes=0-', null],
  ['bytes=5-', null],
  ['bytes=0-9223372036854775807', null],
  ['bytes=2000000-9223372036854775807', 'bytes=2000000-', `bytes=${SLICE_BYTES}-`, Infinity],
  ['bytes=99999999999999999999-', null],
  ['bytes=5-4', null],
  ['bytes=-0', null],
  ['seconds=1-2', null],
  // The others follow when the object is known.
  ['bytes=5000000-5000000,7-8', 'bytes=7-8', `bytes=0-${END_OF_FIRST}`, 2],
  ['bytes=9-9, 7-8, 8-8', 'bytes=7-9', `bytes=0-${END_OF_FIRST}`, 3],
  // Only the suffix is sure to be there.
  ['bytes=7-8, -5', 'bytes=-5', 'bytes=-5', Infinity],
  ['bytes=-00,7-8', 'bytes=7-8', `bytes=0-${END_OF_FIRST}`, 2],
  [`bytes=${Array.from({ length: 17 }, (_, at) => `${at * 1_000}-${at * 1_000}`).join()}`, null],
];

for (const [range, exact, widened, wantedBytes] of CASES) {
  test(`of ${range.slice(0, 60)}`, () => {
    const expected = exact === null ? null : { exact, widened, wantedBytes };
    assert.deepEqual(askedRange({ method: 'GET', fields: ['Range', range] }), expected);
    assert.equal(askedRange({ method: 'HEAD', fields: ['Range', range] }), null);
  });
}

test('of no range', () => {
  assert.equal(askedRange({ method: 'GET', fields: [] }), null);
});
