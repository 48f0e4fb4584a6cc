import assert from 'node:assert/strict';
import { test } from 'node:test';
import { invalidatedPaths, isSafe } from './invalidation.ts';

const ORIGINS = ['https://cdn.example', 'http://origin.example:9000'] as const;

function paths(method: string, status: number, ...fields: string[]): readonly string[] {
  return invalidatedPaths({ method, path: '/a/b?c', origins: [...ORIGINS] }, { status, fields });
}

test('an unsafe method, or one that nobody knows, makes its target invalid when it succeeds', () => {
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'M-SEARCH', 'FOO', 'get']) {
    for (const status of [200, 204, 303]) assert.deepEqual(paths(method, status), ['/a/b?c'], method);
    for (const status of [100, 404, 500]) assert.deepEqual(paths(method, status), [], method);
  }
});

test('a safe method makes nothing invalid', () => {
  for (const method of ['GET', 'HEAD', 'OPTIONS', 'TRACE']) {
    assert.ok(isSafe(method));
    assert.deepEqual(paths(method, 200, 'Location', '/x'), []);
  }
  assert.ok(!isSafe('POST'));
});

test('what Location and Content-Location name is invalid too, on the same origin', () => {
  const named = (...fields: string[]) => paths('POST', 201, ...fields).slice(1);
  assert.deepEqual(named('Location', 'd'), ['/a/d']);
  assert.deepEqual(named('Content-Location', '/d?e#f', 'Location', '../g'), ['/g', '/d?e']);
  assert.deepEqual(named('Location', 'https://cdn.example/d'), ['/d']);
  assert.deepEqual(named('Location', 'http://origin.example:9000/d'), ['/d']);
  assert.deepEqual(named('Location', 'HTTPS://CDN.example:443/d'), ['/d']);
  for (const other of [
    'http://cdn.example/d',
    'https://cdn.example:8443/d',
    '//other.example/d',
    'urn:a',
    'http://[',
  ]) {
    assert.deepEqual(named('Location', other), [], other);
  }
  assert.deepEqual(named('Location', '/a/b?c'), []);
});
