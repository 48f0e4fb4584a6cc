import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseList, Token } from 'structured-headers';
import { type ForwardReason, formatCacheStatus } from './cache-status.ts';

test('a hit and a forwarded request', () => {
  assert.equal(formatCacheStatus('edge-1', { kind: 'hit', ttlS: -3 }, undefined), 'edge-1; hit; ttl=-3');
  assert.equal(
    formatCacheStatus(
      'edge-1',
      { kind: 'forwarded', fwd: 'stale', fwdStatus: 304, isStored: true, isCollapsed: true, ttlS: 60, detail: 'a b' },
      undefined,
    ),
    'edge-1; fwd=stale; fwd-status=304; stored; collapsed; ttl=60; detail="a b"',
  );
  assert.equal(
    formatCacheStatus('e', { kind: 'forwarded', fwd: 'uri-miss', isStored: false, isCollapsed: false }, ''),
    'e; fwd=uri-miss',
  );
  assert.equal(formatCacheStatus('e', { kind: 'own', detail: 'not_cached' }, undefined), 'e; detail=not_cached');
});

test('every reason for going on is a token of RFC 9211', () => {
  const reasons: ForwardReason[] = ['method', 'uri-miss', 'vary-miss', 'request', 'stale'];
  for (const fwd of reasons) {
    const [[, parameters]] = parseList(formatCacheStatus('e', { kind: 'forwarded', fwd }, undefined)) as [
      [unknown, Map<string, unknown>],
    ];
    assert.deepEqual(parameters.get('fwd'), new Token(fwd));
  }
});

test('it comes after what nearer caches said', () => {
  const value = formatCacheStatus('edge', { kind: 'hit' }, 'shield; fwd=uri-miss; stored');
  assert.deepEqual(
    parseList(value).map(([name]) => String(name)),
    ['shield', 'edge'],
  );
});

test('any name of a cache is a token or a string', () => {
  for (const [name, expected] of [
    ['edge.example:8080', new Token('edge.example:8080')],
    ['1-edge', '1-edge'],
    ['a "b" \\c', 'a "b" \\c'],
    ['é\n', '??'],
  ] as const) {
    const [[bare, parameters]] = parseList(formatCacheStatus(name, { kind: 'hit' }, undefined)) as [
      [unknown, Map<string, unknown>],
    ];
    assert.deepEqual(bare, expected, name);
    assert.deepEqual([...parameters], [['hit', true]]);
  }
});
