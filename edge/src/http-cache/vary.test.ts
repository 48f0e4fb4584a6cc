import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dateAfter, get, stored } from './sample-head.ts';
import type { StoredHead } from './stored-head.ts';
import { selectingOf, selectVariant, varyOf } from './vary.ts';

test('the names of Vary', () => {
  const table: [string[], readonly string[] | '*'][] = [
    [[], []],
    [['Foo'], ['foo']],
    [
      ['b, A', 'a,c'],
      ['a', 'b', 'c'],
    ],
    [[''], []],
    [['*'], '*'],
    [['*, *'], '*'],
    [[', *'], '*'],
    [['', '*'], '*'],
    [['*, Foo'], '*'],
    [['Foo, *'], '*'],
    [['a b'], '*'],
    [['"a"'], '*'],
    [['__proto__'], ['__proto__']],
  ];
  for (const [lines, names] of table) {
    assert.deepEqual(varyOf(lines.flatMap((line) => ['Vary', line])), names, lines.join('|'));
  }
});

function same(name: string, a: string[], b: string[]): boolean {
  const selecting = (lines: string[]) =>
    selectingOf(get(...lines.flatMap((line) => [name, line])), [name.toLowerCase()]);
  return JSON.stringify(selecting(a)) === JSON.stringify(selecting(b));
}

test('selecting fields that mean the same are the same', () => {
  for (const [name, a, b] of [
    ['Foo', ['1, 2'], ['1', '2']],
    ['Foo', ['1,2'], [' 1 ,  2 ']],
    ['Accept-Encoding', ['gzip, br'], ['BR,gzip;q=1.0']],
    ['Accept-Encoding', ['gzip;q=0.50, br'], ['br , gzip; q=0.5']],
    ['Accept-Language', ['en, de'], ['eN, De']],
    ['Accept-Language', ['en, de'], [' en ,   de']],
    ['Accept-Language', ['en, de'], ['de, en']],
    ['Accept-Language', ['de;q=0.5, en'], ['en;q=1.0, de;q=0.500']],
    ['Accept', ['text/html; level=1, */*'], ['text/html;level=1,*/*']],
  ] as const) {
    assert.ok(same(name, [...a], [...b]), `${name}: ${a.join('|')} and ${b.join('|')}`);
  }
});

test('selecting fields that may mean something else are not the same', () => {
  for (const [name, a, b] of [
    ['Foo', ['1'], ['2']],
    ['Foo', ['a'], ['A']],
    ['Foo', ['1, 2'], ['2, 1']],
    ['Foo', ['"a, b"'], ['"a,b"']],
    ['Cookie', ['a=1, 2'], ['a=1,2']],
    ['User-Agent', ['x (a, b)'], ['x (a,b)']],
    ['Foo', [], ['']],
    ['Accept-Encoding', ['gzip'], ['gzip;q=0']],
    ['Accept-Encoding', ['gzip'], ['gzip;q=foo']],
    ['Accept-Language', ['en, de;q=0.5'], ['de, en;q=0.5']],
    ['Accept-Language', ['en'], ['en-GB']],
  ] as const) {
    assert.ok(!same(name, [...a], [...b]), `${name}: ${a.join('|')} and ${b.join('|')}`);
  }
});

function variant(name: string, fields: string[], selecting: StoredHead['selecting'] = {}) {
  return { name, head: stored(fields, { selecting }) };
}

const OLD = ['Date', dateAfter(-10)];

test('a variant is selected by all that its Vary names', () => {
  const gzip = variant('gzip', ['Vary', 'Accept-Encoding'], { 'accept-encoding': 'gzip' });
  const none = variant('none', ['Vary', 'Accept-Encoding'], { 'accept-encoding': null });
  const selected = (...fields: string[]) => selectVariant([gzip, none], get(...fields))?.name;
  assert.equal(selected('accept-encoding', 'GZIP'), 'gzip');
  assert.equal(selected(), 'none');
  assert.equal(selected('Accept-Encoding', 'br'), undefined);
  const two = variant('two', ['Vary', 'A, B'], { a: '1', b: '2' });
  assert.equal(selectVariant([two], get('A', '1', 'B', '2', 'C', '3')), two);
  assert.equal(selectVariant([two], get('A', '1')), undefined);
  assert.equal(selectVariant([two], get('A', '1', 'B', '3')), undefined);
});

test('nothing is known of a variant that varies by everything, or by what was not noted', () => {
  assert.equal(selectVariant([variant('star', ['Vary', '*'])], get()), undefined);
  assert.equal(selectVariant([variant('new', ['Vary', 'A, B'], { a: '1' })], get('A', '1')), undefined);
});

test('of several the newest by Date is selected', () => {
  const older = variant('older', [...OLD, 'Vary', 'A'], { a: '1' });
  const newer = variant('newer', ['Vary', 'B'], { b: null });
  assert.equal(selectVariant([newer, older], get('A', '1'))?.name, 'newer');
  assert.equal(selectVariant([older, newer], get('A', '1'))?.name, 'newer');
  assert.equal(selectVariant([older, newer], get('A', '1', 'B', '1'))?.name, 'older');
});

test('a response without Vary gives way to those with one', () => {
  const plain = variant('plain', []);
  const matching = variant('matching', [...OLD, 'Vary', 'A'], { a: '1' });
  assert.equal(selectVariant([plain, matching], get('A', '1'))?.name, 'matching');
  assert.equal(selectVariant([plain, matching], get('A', '2'))?.name, 'plain');
  const oldPlain = variant('old plain', OLD);
  const newVarying = variant('new', ['Vary', 'A'], { a: '1' });
  assert.equal(selectVariant([oldPlain, newVarying], get('A', '2')), undefined);
  assert.equal(selectVariant([oldPlain], get('A', '2'))?.name, 'old plain');
  // In the same second nobody knows which is newer.
  const sameAge = variant('same age', ['Vary', 'A'], { a: '1' });
  assert.equal(selectVariant([plain, sameAge], get('A', '2'))?.name, 'plain');
});
