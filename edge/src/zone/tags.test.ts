import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TAG_LIMIT, TAG_LIMIT_CHARS, tagsOf } from './tags.ts';

test('tags are parted by commas in one field and by spaces in the other', () => {
  const fields = ['Cache-Tag', 'a, b c', 'Surrogate-Key', ' d  e ', 'cache-tag', 'a,,f'];
  assert.deepEqual(tagsOf(fields), ['a', 'b c', 'f', 'd', 'e']);
});

test('no more tags are kept, and no longer ones, than the limits say', () => {
  const many = Array.from({ length: TAG_LIMIT + 1 }, (_, nth) => `t${nth}`);
  assert.deepEqual(tagsOf(['Cache-Tag', many.join(',')]), many.slice(0, TAG_LIMIT));
  const [longest, longer] = ['x'.repeat(TAG_LIMIT_CHARS), 'x'.repeat(TAG_LIMIT_CHARS + 1)];
  assert.deepEqual(tagsOf(['Surrogate-Key', `${longest} ${longer}`]), [longest]);
});
