import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { isInContainer, normalizeUri } from './uri-container.ts';

test('URIs are normalised by RFC 3986', () => {
  const cases: [string, string | null][] = [
    ['HTTP://Example.COM:80', 'http://example.com/'],
    ['https://example.com:443/a', 'https://example.com/a'],
    ['http://example.com:443/a', 'http://example.com:443/a'],
    ['http://example.com:/a', 'http://example.com/a'],
    ['http://h/%7euser/%2f%c3%a9', 'http://h/~user/%2F%C3%A9'],
    ['http://h/a/./b/../c', 'http://h/a/c'],
    ['http://h/../../a', 'http://h/a'],
    ['http://h/a/..', 'http://h/'],
    ['http://h/a/.', 'http://h/a/'],
    ['http://h/a/%2e%2e/b', 'http://h/b'],
    ['http://h//a//b', 'http://h//a//b'],
    ['http://[2001:DB8::1]:8080/', 'http://[2001:db8::1]:8080/'],
    ['http://h?x=%41', 'http://h/?x=A'],
    ['http://h/a#part', 'http://h/a'],
    ['/only/a/path', null],
    ['http://h/%zz', null],
    ['http://h/a b', null],
    ['http://h/é', null],
  ];
  for (const [uri, normal] of cases) assert.equal(normalizeUri(uri), normal, uri);
});

test('a container covers its URIs without the token, and no other', () => {
  const hash = (uri: string) => `hash:sha-256;${createHash('sha256').update(uri).digest('base64url')}`;
  const cases: [string, string, boolean][] = [
    [hash('http://h/a'), 'http://h/a', true],
    [hash('http://h/a'), 'HTTP://H:80/%61?URISigningPackage=x.y.z', true],
    [hash('http://h/a'), 'http://h/a;URISigningPackage=x.y.z', true],
    [hash('http://h/a?b=c'), 'http://h/a?URISigningPackage=x.y.z&b=c', true],
    [hash('http://h/a'), 'http://h/b', false],
    [hash('http://h/a').replace('sha-256', 'sha-256-128'), 'http://h/a', false],
    ['regex:http://h/live/show/.*', 'http://h/live/show/master.m3u8', true],
    ['regex:http://h/live/show/.*', 'http://h/live/other/master.m3u8', false],
    ['regex:http://h/live/show/.*', 'http://h/live/show/../other/master.m3u8', false],
    ['regex:http://h/live/show/.*', 'http://evil/?http://h/live/show/', false],
    ['regex:[', 'http://h/', false],
    ['uri:http://h/', 'http://h/', false],
    ['', 'http://h/', false],
    ['regex:.*', `http://h/${'a'.repeat(5_000)}`, false],
  ];
  for (const [container, uri, covered] of cases)
    assert.equal(isInContainer(container, uri), covered, `${container} ${uri}`);
});
