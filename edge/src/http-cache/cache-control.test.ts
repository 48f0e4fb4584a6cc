import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCacheControl, reachOf, secondsOf } from './cache-control.ts';
import { MAX_DELTA_S } from './delta-seconds.ts';

test('seconds of a directive', () => {
  const table: [string, number | null][] = [
    ['public', null],
    ['max-age=60', 60],
    ['MaX-aGe=60', 60],
    ['max-age="60"', 60],
    ['foo, max-age=60, bar=baz', 60],
    ['max-age=99999999999', MAX_DELTA_S],
    ['max-age', 0],
    ['max-age=', 0],
    ['max-age=-60', 0],
    ['max-age=60.5', 0],
    ["max-age='60'", 0],
    ['max-age=60a', 0],
    ['max-age= 60', 0],
    ['max-age =60', 0],
    ['max-age=60, max-age=10', 10],
    ['max-age=10, max-age=60', 10],
    ['max-age=60, max-age=x', 0],
    ['extension="max-age=60", max-age=1', 1],
    ['extension="max-age=60"', null],
    ['extension="max-age=60, max-age=2', 2],
    ['s-maxage=60', null],
  ];
  for (const [value, seconds] of table) assert.equal(secondsOf(parseCacheControl(value), 'max-age'), seconds, value);
});

test('directives without an argument count with one too, and what is no name is left out', () => {
  assert.ok(parseCacheControl('No-Store').has('no-store'));
  assert.ok(parseCacheControl('a, no-store=1').has('no-store'));
  assert.ok(parseCacheControl(',,no-store').has('no-store'));
  assert.ok(parseCacheControl('a="x, no-store').has('no-store'));
  assert.ok(!parseCacheControl('a="no-store"').has('no-store'));
  assert.ok(!parseCacheControl('no-storex').has('no-store'));
  assert.deepEqual([...parseCacheControl('(bad), =, good, "quoted"').keys()], ['good']);
});

test('how far no-cache and private reach', () => {
  const table: [string, 'absent' | 'whole' | string[]][] = [
    ['max-age=1', 'absent'],
    ['private', 'whole'],
    ['private="Set-Cookie"', ['set-cookie']],
    ['private="a, B" , private="c"', ['a', 'b', 'c']],
    ['private=a', ['a']],
    ['private, private="a"', 'whole'],
    ['private="a", private', 'whole'],
    ['private=""', 'whole'],
    ['private="', 'whole'],
    ['private="a b"', 'whole'],
    ['private="a', 'whole'],
  ];
  for (const [value, reach] of table) {
    const read = reachOf(parseCacheControl(value), 'private');
    assert.deepEqual(typeof read === 'string' ? read : [...read], reach, value);
  }
});
