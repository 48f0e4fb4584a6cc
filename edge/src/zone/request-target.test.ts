import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seeded } from '@headwater/protocol/test-random';
import { readPath } from '@headwater/protocol/uri-path';
import { readRequestTarget } from './request-target.ts';

const CONTROL = '\x00';

/** path as it came, and its name. */
const PASSED: readonly (readonly [string, string])[] = [
  ['/', '/'],
  ['/a/b.mp4', '/a/b.mp4'],
  ['/a/', '/a/'],
  ['/.well-known/x', '/.well-known/x'],
  ['/a/.../..b/c..', '/a/.../..b/c..'],
  ['/%7euser/%41', '/~user/A'],
  ['/%70rivate/x', '/private/x'],
  ['/private%2fx', '/private/x'],
  ['/@scope%2Fpackage', '/@scope/package'],
  ['/a//b///c', '/a/b/c'],
  ['/thumbs/https://example.com/x.jpg', '/thumbs/https:/example.com/x.jpg'],
  ['/a%20b', '/a%20b'],
  ['/caf%c3%a9', '/caf%C3%A9'],
  ['/caf%e9', '/caf%E9'],
  ['/what%3f', '/what%3F'],
  ['/100%25', '/100%25'],
  ['/a;v=1/b', '/a;v=1/b'],
  ['/"<>^`{|}', '/"<>^`{|}'],
  ['/%22', '/"'],
];

const REFUSED: readonly string[] = [
  '',
  'a',
  '*',
  '//example.com/a',
  '/..',
  '/../a',
  '/a/./b',
  '/a/.',
  '/a/%2e%2e/b',
  '/a/.%2E/b',
  '/a/%2e',
  '/a%2f..%2fb',
  '/a/..;/b',
  '/a/..%3bx/b',
  '/a//../b',
  '/a\\b',
  '/a%5cb',
  '/a%5C..%5Cb',
  '/a%00',
  '/a%0d%0aX:y',
  '/a%7f',
  `/a${CONTROL}b`,
  '/a\x7fb',
  '/a b',
  '/caf\u00e9',
  '/%',
  '/%4',
  '/%zz',
  '/%u002e',
  '/%252e%252e/',
  '/%252f',
  '/%25%32%66',
  '/%2525',
  '/%c0%ae%c0%ae/',
  '/%C0%AF',
  '/%e0%80%af',
  '/%f0%80%80%af',
  '/a#b',
];

test('a path goes on as it came, and has one name', () => {
  for (const [path, name] of PASSED) {
    assert.deepEqual(readPath(path), { ok: true, path, name }, path);
    assert.deepEqual(readPath(name), { ok: true, path: name, name }, `the name of ${path}`);
  }
});

test('a path that origins read in several ways is refused', () => {
  for (const path of REFUSED) {
    const read = readPath(path);
    assert.equal(read.ok, false, JSON.stringify(path));
    assert.equal(readRequestTarget(path, 'example.com').ok, false, JSON.stringify(path));
  }
});

test('the query goes on as it came, odd or not', () => {
  for (const query of ['', '?', '?a=1&a=2', '?q=100%', '?next=/../x//%2e', '?a?b', '?%00', '?\\']) {
    const read = readRequestTarget(`/a${query}`, 'example.com');
    assert.deepEqual(read, { ok: true, host: 'example.com', path: '/a', name: '/a', query });
  }
  for (const query of ['?a#b', '?a b', '?a\x00', '?\x7f', '?\u00e9']) {
    assert.equal(readRequestTarget(`/a${query}`, 'example.com').ok, false, query);
  }
});

test('a host is told by its name alone', () => {
  const hosts: readonly (readonly [string | undefined, string])[] = [
    [undefined, ''],
    ['', ''],
    ['Example.COM', 'example.com'],
    ['example.com:8080', 'example.com'],
    ['example.com.', 'example.com'],
    ['example.com.:8080', 'example.com'],
    ['127.0.0.1:80', '127.0.0.1'],
    ['[::1]:80', '[::1]'],
  ];
  for (const [authority, host] of hosts) {
    assert.deepEqual(readRequestTarget('/a', authority), { ok: true, host, path: '/a', name: '/a', query: '' });
  }
  for (const authority of ['a/b', 'a?b', 'user@a', 'a,b', 'a b', '%65xample.com', 'a:b', 'a\tb']) {
    assert.equal(readRequestTarget('/a', authority).ok, false, authority);
  }
});

test('an absolute target names its host itself (RFC 9112 §3.2.2)', () => {
  const read = (url: string): unknown => readRequestTarget(url, 'other.example');
  const a = { ok: true, host: 'a.example', path: '/x', name: '/x', query: '' };
  assert.deepEqual(read('http://a.example/x'), a);
  assert.deepEqual(read('HTTPS://A.example:8443/x'), a);
  assert.deepEqual(read('http://a.example?q'), { ...a, path: '/', name: '/', query: '?q' });
  assert.deepEqual(read('http://a.example'), { ...a, path: '/', name: '/' });
  for (const url of [
    'http:///x',
    'http://u@a.example/x',
    'http://a.example/x#y',
    'ftp://a.example/',
    'a.example:443',
  ]) {
    assert.deepEqual((read(url) as { ok: boolean }).ok, false, url);
  }
});

/** What a lenient origin makes of a path: decoded once, backslashes as slashes, empty and dot segments resolved. */
function originReading(path: string): string {
  const decoded = path.replace(/%([\dA-Fa-f]{2})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
  const kept: string[] = [];
  for (const segment of decoded.split(/[/\\]/)) {
    if (segment === '..') kept.pop();
    else if (segment !== '' && segment !== '.') kept.push(segment);
  }
  return kept.join('/');
}

test('two spellings that an origin reads as one path have one name, or are refused', () => {
  const random = seeded(9);
  const pieces = [
    '/',
    '/',
    '%2f',
    '%2F',
    '.',
    '%2e',
    'a',
    '%61',
    'A',
    '%41',
    '\\',
    '%5c',
    '%',
    '25',
    '%25',
    ';',
    '%3B',
  ];
  const nameOf = new Map<string, string>();
  let compared = 0;
  for (let round = 0; round < 50_000; round += 1) {
    const length = 1 + Math.floor(random() * 6);
    const path = `/${Array.from({ length }, () => pieces[Math.floor(random() * pieces.length)]).join('')}`;
    const read = readPath(path);
    if (!read.ok) continue;
    const isFolder = read.name.endsWith('/');
    const reading = `${originReading(path)}${isFolder ? '/' : ''}`;
    const known = nameOf.get(reading);
    if (known === undefined) nameOf.set(reading, read.name);
    else {
      compared += 1;
      assert.equal(read.name, known, `${path} reads as ${reading}`);
    }
  }
  assert.ok(compared > 1_000, `${compared} compared`);
});
