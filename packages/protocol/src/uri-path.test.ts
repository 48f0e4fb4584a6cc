import assert from 'node:assert/strict';
import { test } from 'node:test';
import { normalizePercent } from './uri-path.ts';

test('normal encodings decode what is unreserved, write the rest in upper case, and leave what is no encoding', () => {
  const cases = { '/%61%2d%7E': '/a-~', '/%c3%b6%2f': '/%C3%B6%2F', '/%zz%4': '/%zz%4', '/plain': '/plain' };
  for (const [path, normal] of Object.entries(cases)) assert.equal(normalizePercent(path), normal);
});
