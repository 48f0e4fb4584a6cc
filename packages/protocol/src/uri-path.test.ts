import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAmbiguous, isPlainPath, normalizePercent, readingsOf } from './uri-path.ts';

test('normal encodings decode what is unreserved, write the rest in upper case, and leave what is no encoding', () => {
  const cases = { '/%61%2d%7E': '/a-~', '/%c3%b6%2f': '/%C3%B6%2F', '/%zz%4': '/%zz%4', '/plain': '/plain' };
  for (const [path, normal] of Object.entries(cases)) assert.equal(normalizePercent(path), normal);
});

test('a path is plain when it can be read in one way alone', () => {
  for (const path of ['/', '/a', '/a/', '/.well-known/x', '/a..b/c.', '/%C3%B6', '/a@b:c=1,2', '/...'])
    assert.ok(isPlainPath(path) && !isAmbiguous(path), path);
  for (const path of ['/a//b', '//a', '/a/.', '/a/..', '/./a', '/a/../b', '/a;x', '/a%2Fb', '/a%5Cb', '/a\\b'])
    assert.ok(!isPlainPath(path) && isAmbiguous(path), path);
  for (const path of ['', 'a', '/a?b', '/a#b', '/a b', '/%61', '/%c3', '/%4', '/é', '/\0'])
    assert.ok(!isPlainPath(path), path);
});

test('the readings of a path are all that servers make of it', () => {
  const reaches = (path: string, start: string) =>
    [...readingsOf(normalizePercent(path))].some((reading) => reading.startsWith(start));
  for (const path of [
    '/x/../vip/a',
    '/x/%2e%2e/vip/a',
    '/x/..%2fvip/a',
    '/x%5c..%5cvip/a',
    '/x\\..\\vip/a',
    '/x/..;y=1/vip/a',
    '//vip/a',
    '/./vip/a',
    '/%76ip/a',
    '/x/../vip//..',
    '/x//..//../vip/a',
  ]) {
    assert.ok(reaches(path, '/vip/'), path);
  }
  assert.ok(!reaches('/x/vip/a', '/vip/'));
  assert.deepEqual([...readingsOf('/a/b')], ['/a/b']);
});
