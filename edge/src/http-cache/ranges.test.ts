import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type ByteRange,
  ifRangeHolds,
  MAX_COALESCED_GAP_BYTES,
  MAX_RANGES,
  parseContentRange,
  parseRanges,
  requestedRanges,
} from './ranges.ts';
import { dateAfter, get, stored } from './sample-head.ts';

type Expected = 'whole' | 'unsatisfiable' | readonly ByteRange[];

function read(range: string, lengthBytes = 100): Expected {
  const requested = parseRanges(range, lengthBytes);
  return requested.kind === 'ranges' ? requested.ranges : requested.kind;
}

test('ranges of 100 bytes', () => {
  const table: [string, Expected][] = [
    ['bytes=0-0', [[0, 0]]],
    ['bytes=10-19', [[10, 19]]],
    ['BYTES=10-19', [[10, 19]]],
    ['bytes=90-', [[90, 99]]],
    ['bytes=90-900', [[90, 99]]],
    ['bytes=-10', [[90, 99]]],
    ['bytes=-900', [[0, 99]]],
    ['bytes=-0', 'unsatisfiable'],
    ['bytes=100-', 'unsatisfiable'],
    ['bytes=100-200', 'unsatisfiable'],
    ['bytes=90-9223372036854775807', [[90, 99]]],
    [`bytes=0-${'9'.repeat(400)}`, [[0, 99]]],
    [`bytes=${'9'.repeat(400)}-`, 'unsatisfiable'],
    [`bytes=-${'9'.repeat(400)}`, [[0, 99]]],
    ['bytes=20-10', 'whole'],
    ['bytes=-', 'whole'],
    ['bytes=', 'whole'],
    ['bytes=a-b', 'whole'],
    ['bytes=0-1,a', 'whole'],
    ['bytes =0-1', 'whole'],
    ['bytes: 0-1', 'whole'],
    ['items=0-1', 'whole'],
    ['', 'whole'],
    ['bytes= 0-1 , 200-300', [[0, 1]]],
    ['bytes=200-, -0', 'unsatisfiable'],
  ];
  for (const [range, expected] of table) assert.deepEqual(read(range), expected, range);
  assert.deepEqual(read('bytes=-5', 0), 'unsatisfiable');
  assert.deepEqual(read('bytes=0-', 0), 'unsatisfiable');
});

test('several ranges keep their order, those that overlap or nearly touch become one', () => {
  const gap = MAX_COALESCED_GAP_BYTES;
  const table: [string, Expected][] = [
    [
      'bytes=500-599,0-99',
      [
        [500, 599],
        [0, 99],
      ],
    ],
    ['bytes=0-99,50-149', [[0, 149]]],
    ['bytes=50-149,0-99', [[0, 149]]],
    ['bytes=0-999,5-6', [[0, 999]]],
    ['bytes=0-99,100-199', [[0, 199]]],
    [`bytes=0-99,${100 + gap}-299`, [[0, 299]]],
    [
      `bytes=0-99,${101 + gap}-299`,
      [
        [0, 99],
        [101 + gap, 299],
      ],
    ],
    [
      'bytes=500-599,0-99,90-200',
      [
        [0, 200],
        [500, 599],
      ],
    ],
    ['bytes=0-,-5', [[0, 999]]],
  ];
  for (const [range, expected] of table) assert.deepEqual(read(range, 1000), expected, range);
});

test('so many ranges are answered and no more', () => {
  const many = (count: number) =>
    `bytes=${Array.from({ length: count }, (_, i) => `${i * 1000}-${i * 1000}`).join(',')}`;
  assert.equal((read(many(MAX_RANGES), 100_000) as unknown[]).length, MAX_RANGES);
  assert.equal(read(many(MAX_RANGES + 1), 100_000), 'unsatisfiable');
});

const MODIFIED = dateAfter(-3600);

test('If-Range holds for a strong tag or an exact date', () => {
  const fields = ['ETag', '"a"', 'Last-Modified', MODIFIED];
  const kind = (condition: string, storedFields = fields) =>
    requestedRanges(get('Range', 'bytes=0-1', 'If-Range', condition), stored(storedFields), 10).kind;
  assert.equal(kind('"a"'), 'ranges');
  assert.equal(kind('"b"'), 'whole');
  assert.equal(kind('W/"a"', ['ETag', 'W/"a"']), 'whole');
  assert.equal(kind('"a"', ['ETag', 'W/"a"']), 'whole');
  assert.equal(kind('""', []), 'whole');
  assert.equal(kind(MODIFIED), 'ranges');
  assert.equal(kind(dateAfter(-3599)), 'whole');
  assert.equal(kind(MODIFIED, ['Last-Modified', MODIFIED, 'Date', MODIFIED]), 'whole');
  assert.equal(kind('foo'), 'whole');
  assert.equal(kind(''), 'whole');
  assert.ok(ifRangeHolds(' "a" ', stored(fields)));
});

test('a Last-Modified is exact a second before Date', () => {
  const holds = (date: string) => ifRangeHolds(MODIFIED, stored(['Last-Modified', MODIFIED, 'Date', date]));
  assert.ok(holds(dateAfter(-3599)));
  assert.ok(!holds(MODIFIED));
});

test('ranges are for GET of content', () => {
  const range = ['Range', 'bytes=0-1'];
  assert.equal(requestedRanges({ method: 'HEAD', fields: range }, stored([]), 10).kind, 'whole');
  assert.equal(requestedRanges(get(...range), stored([], { status: 404 }), 10).kind, 'whole');
  assert.equal(requestedRanges(get(), stored([]), 10).kind, 'whole');
  assert.equal(requestedRanges(get(...range), stored([], { status: 206 }), 10).kind, 'ranges');
});

test('Content-Range', () => {
  const range = (firstByte: number, lastByte: number, completeBytes: number | null) => ({
    kind: 'range',
    firstByte,
    lastByte,
    completeBytes,
  });
  const table: [string, object | null][] = [
    ['bytes 0-4/10', range(0, 4, 10)],
    ['Bytes 0-9/10', range(0, 9, 10)],
    ['bytes 5-5/*', range(5, 5, null)],
    ['bytes */10', { kind: 'unsatisfied', completeBytes: 10 }],
    ['bytes */*', null],
    ['bytes 0-10/10', null],
    ['bytes 4-0/10', null],
    ['bytes 0-4', null],
    ['items 0-4/10', null],
    ['bytes=0-4/10', null],
    ['bytes 0-4/10, bytes 5-9/10', null],
    [`bytes 0-${'9'.repeat(20)}/*`, null],
    ['', null],
  ];
  for (const [value, expected] of table) assert.deepEqual(parseContentRange(value), expected, value);
});
