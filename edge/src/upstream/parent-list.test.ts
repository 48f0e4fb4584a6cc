import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseParents } from './parent-list.ts';

test('a list of parents reads', () => {
  assert.deepEqual(parseParents(''), []);
  assert.deepEqual(parseParents('http://a:8080, https://B.example/;weight=3'), [
    { url: 'http://a:8080', weight: 1 },
    { url: 'https://b.example', weight: 3 },
  ]);
});

for (const bad of [
  'a:8080',
  'http://a,',
  'http://a/path',
  'http://a?x',
  'http://u:p@a',
  'ftp://a',
  'http://a;weight=0',
  'http://a;weight=-1',
  'http://a;w=1',
  'http://a;weight=1;x',
  'http://a,http://a/',
  Array.from({ length: 65 }, (_, nth) => `http://10.0.0.${nth}`).join(','),
]) {
  test(`no list of parents: ${bad.slice(0, 40)}`, () => assert.equal(parseParents(bad), null));
}

test('as many as may be', () => {
  assert.equal(parseParents(Array.from({ length: 64 }, (_, nth) => `http://10.0.0.${nth}`).join(','))?.length, 64);
});
