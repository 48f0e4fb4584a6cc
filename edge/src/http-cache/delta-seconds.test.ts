import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_DELTA_S, parseDeltaSeconds } from './delta-seconds.ts';

test('counts of seconds', () => {
  const table: [string, number | null][] = [
    ['0', 0],
    ['003600', 3600],
    ['2147483647', 2_147_483_647],
    ['2147483648', MAX_DELTA_S],
    ['2147483649', MAX_DELTA_S],
    ['9'.repeat(400), MAX_DELTA_S],
    ['-1', null],
    ['+1', null],
    ['1.0', null],
    ['1e3', null],
    ['0x10', null],
    ['', null],
    [' 1', null],
    ['1 ', null],
    ['١', null],
  ];
  for (const [text, seconds] of table) assert.equal(parseDeltaSeconds(text), seconds, text);
});
