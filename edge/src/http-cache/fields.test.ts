import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endToEnd, linesOf, membersOf, valueOf, without } from './fields.ts';

const FIELDS = ['Vary', 'a', 'ETag', '"1"', 'VARY', 'b'];

test('a field is found in any case, its lines joined', () => {
  assert.equal(valueOf(FIELDS, 'vary'), 'a, b');
  assert.equal(valueOf(FIELDS, 'etag'), '"1"');
  assert.equal(valueOf(FIELDS, 'a'), undefined);
  assert.deepEqual(linesOf(FIELDS, 'vary'), ['a', 'b']);
  assert.deepEqual(linesOf(FIELDS, 'age'), []);
  assert.deepEqual(without(FIELDS, new Set(['vary'])), ['ETag', '"1"']);
});

test('fields of one connection go no further', () => {
  const hopByHop = ['Keep-Alive', 'Proxy-Connection', 'TE', 'Transfer-Encoding', 'Upgrade'];
  const proxy = ['Proxy-Authenticate', 'Proxy-Authentication-Info', 'Proxy-Authorization'];
  const fields = [...hopByHop, ...proxy].flatMap((name) => [name, 'x']);
  assert.deepEqual(endToEnd([...fields, 'Connection', 'close', 'Trailer', 'Expires', 'A', '1']), [
    'Trailer',
    'Expires',
    'A',
    '1',
  ]);
});

test('fields that Connection names go no further', () => {
  const fields = ['Connection', 'x-one, X-TWO', 'Connection', 'x-three', 'X-One', '1', 'x-two', '2', 'X-Three', '3'];
  assert.deepEqual(endToEnd([...fields, 'X-Four', '4']), ['X-Four', '4']);
});

test('Connection cannot drop what decides on storing', () => {
  const control = ['Cache-Control', 'no-store', 'Vary', 'Cookie', 'CDN-Cache-Control', 'no-store'];
  assert.deepEqual(endToEnd(['Connection', 'cache-control, vary, cdn-cache-control', ...control]), control);
});

test('members of a list', () => {
  const table: [string, string[]][] = [
    ['', []],
    [' , ,', []],
    ['a', ['a']],
    [' a ,\tb,,c ', ['a', 'b', 'c']],
    ['a="b, c", d', ['a="b, c"', 'd']],
    [String.raw`a="b\", c", d`, [String.raw`a="b\", c"`, 'd']],
    ['a="b, no-store', ['a="b', 'no-store']],
    ['"\\', ['"\\']],
  ];
  for (const [value, members] of table) assert.deepEqual(membersOf(value), members, value);
});

test('a list of open quotes takes no longer than its length', () => {
  assert.deepEqual(membersOf('"'.repeat(65_537)).length, 1);
});
