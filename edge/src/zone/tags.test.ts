import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PURGE_TAG_LIMIT_CHARS } from '@headwater/protocol/purge-scope';
import { ANY_TAG, TAG_LIMIT, tagsOf } from './tags.ts';

test('tags come from both fields, all of their lines, each once, besides that of the zone', () => {
  const fields = ['Cache-Tag', 'a, b,,c', 'X', 'y', 'surrogate-key', ' c  d\te ', 'CACHE-TAG', 'f'];
  assert.deepEqual(tagsOf('site', fields), ['zone:site', 'a', 'b', 'c', 'f', 'd', 'e']);
  assert.deepEqual(tagsOf('site', ['Cache-Tag', ' , ']), ['zone:site']);
});

test('what is beyond the limits is remembered as any tag', () => {
  const many = (count: number) => Array.from({ length: count }, (_, n) => `t${n}`);
  const all = ['zone:z', ...many(TAG_LIMIT - 1)];
  assert.deepEqual(tagsOf('z', ['Cache-Tag', many(TAG_LIMIT - 1).join(',')]), all);
  assert.deepEqual(tagsOf('z', ['Cache-Tag', many(TAG_LIMIT).join(',')]), [...all, ANY_TAG]);
  const longest = 'x'.repeat(PURGE_TAG_LIMIT_CHARS);
  assert.deepEqual(tagsOf('z', ['Cache-Tag', `a,${longest}`]), ['zone:z', 'a', longest]);
  assert.deepEqual(tagsOf('z', ['Cache-Tag', `a,${longest}x,b`]), ['zone:z', 'a', 'b', ANY_TAG]);
});
