import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAuthority } from './authority.ts';

test('a host is a name or an address, with a port or without, and nothing more', () => {
  for (const host of [
    '',
    'e',
    'cdn.example',
    'CDN.example:8080',
    'a_b',
    '192.0.2.1:80',
    '[2001:db8::1]:443',
    'x%41',
    'e:',
  ])
    assert.ok(isAuthority(host), host);
  for (const host of [
    'a/b',
    'a?b',
    'a#b',
    'a@b',
    'a b',
    'a\\b',
    'a,b',
    '[',
    '[::1',
    'a:b',
    'a:1:2',
    'x%4',
    '\u00e9',
    'a\n',
  ])
    assert.ok(!isAuthority(host), host);
});
