import assert from 'node:assert/strict';
import { test } from 'node:test';
import { evaluatePreconditions, notModifiedFields } from './preconditions.ts';
import { dateAfter, get, stored } from './sample-head.ts';

const MODIFIED = dateAfter(-3600);

function isNotModified(fields: string[], request: string[], about = {}): boolean {
  return evaluatePreconditions(get(...request), stored(fields, about)) === 'not-modified';
}

test('If-None-Match compares weakly', () => {
  const rows: [tag: string, list: string, isNotModified: boolean][] = [
    ['"a"', '"a"', true],
    ['"a"', 'W/"a"', true],
    ['W/"a"', '"a"', true],
    ['"a"', '"b", "a", "c"', true],
    ['"a"', '*', true],
    ['"a"', '"b"', false],
    ['"a"', 'a', false],
    ['a', 'a', true],
  ];
  for (const [tag, list, expected] of rows) {
    assert.equal(isNotModified(['ETag', tag], ['If-None-Match', list]), expected, `${tag} ${list}`);
  }
  assert.ok(isNotModified([], ['If-None-Match', '*']));
  assert.ok(!isNotModified([], ['If-None-Match', '"a"']));
});

test('If-None-Match goes before If-Modified-Since', () => {
  const both = ['ETag', '"a"', 'Last-Modified', MODIFIED];
  assert.ok(isNotModified(both, ['If-None-Match', '"a"', 'If-Modified-Since', dateAfter(-9999)]));
  assert.ok(!isNotModified(both, ['If-None-Match', '"b"', 'If-Modified-Since', MODIFIED]));
});

test('If-Modified-Since: by Last-Modified, else by Date', () => {
  const since = (date: string) => ['If-Modified-Since', date];
  assert.ok(isNotModified(['Last-Modified', MODIFIED], since(MODIFIED)));
  assert.ok(isNotModified(['Last-Modified', MODIFIED], since(dateAfter(-3599))));
  assert.ok(!isNotModified(['Last-Modified', MODIFIED], since(dateAfter(-3601))));
  assert.ok(!isNotModified(['Last-Modified', MODIFIED], since('yesterday')));
  assert.ok(isNotModified(['Date', dateAfter(-5)], since(dateAfter(-5))));
  assert.ok(!isNotModified(['Date', dateAfter(-5)], since(dateAfter(-6))));
  assert.ok(isNotModified(['Last-Modified', 'Sat Nov 28 11:00:00 2026'], since('Saturday, 28-Nov-26 11:00:00 GMT')));
});

test('conditions count for GET and HEAD of successes alone', () => {
  const request = ['If-None-Match', '"a"'];
  assert.equal(evaluatePreconditions({ method: 'HEAD', fields: request }, stored(['ETag', '"a"'])), 'not-modified');
  assert.equal(evaluatePreconditions({ method: 'POST', fields: request }, stored(['ETag', '"a"'])), 'proceed');
  for (const status of [301, 404, 500]) assert.ok(!isNotModified(['ETag', '"a"'], request, { status }));
});

test('conditions for the origin alone are not evaluated', () => {
  assert.ok(!isNotModified(['ETag', '"a"'], ['If-Match', '"b"']));
  assert.ok(!isNotModified(['Last-Modified', MODIFIED], ['If-Unmodified-Since', dateAfter(-9999)]));
});

test('a 304 has what guides a cache, and nothing of the bytes', () => {
  const guiding = ['Cache-Control', 'max-age=1', 'Content-Location', '/a', 'Date', dateAfter(0), 'ETag', '"a"'];
  const more = ['Expires', dateAfter(1), 'Vary', 'A', 'Content-Type', 'a/b', 'Last-Modified', MODIFIED];
  const ofBytes = ['Content-Length', '1', 'Content-Encoding', 'gzip', 'Content-Range', 'bytes 0-0/1', 'Trailer', 'a'];
  assert.deepEqual(notModifiedFields([...guiding, ...ofBytes, ...more]), [...guiding, ...more]);
});
