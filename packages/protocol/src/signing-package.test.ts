import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findSigningPackage, stripSigningPackage } from './signing-package.ts';

test('a session token is found wherever it may travel', () => {
  const uri = '/live/show/master.m3u8';
  const cases: [Parameters<typeof findSigningPackage>[0], string | null, string?][] = [
    [{ uri: `${uri}?URISigningPackage=a.b.c` }, 'a.b.c', 'uri'],
    [{ uri: `${uri}?x=y&URISigningPackage=a.b.c&z=1` }, 'a.b.c', 'uri'],
    [{ uri: `${uri};URISigningPackage=a.b.c` }, 'a.b.c', 'uri'],
    [{ uri: `${uri};URISigningPackage=a.b.c?x=y` }, 'a.b.c', 'uri'],
    [{ uri: `${uri}?URISigningPackage=first&URISigningPackage=second` }, 'first', 'uri'],
    [{ uri: `${uri}?URISigningPackage=` }, '', 'uri'],
    [{ uri, cookie: 'a=b; URISigningPackage=a.b.c; d=e' }, 'a.b.c', 'cookie'],
    [{ uri, cookie: 'URISigningPackage="a.b.c"' }, 'a.b.c', 'cookie'],
    [{ uri, cookie: 'XURISigningPackage=a.b.c' }, null],
    [{ uri, authorization: 'bearer a.b.c' }, 'a.b.c', 'authorization'],
    [{ uri, authorization: 'Basic abc' }, null],
    [{ uri: `${uri}?URISigningPackage=u`, cookie: 'URISigningPackage=c', authorization: 'Bearer b' }, 'u', 'uri'],
    [{ uri: `${uri}?XURISigningPackage=a.b.c` }, null],
    [{ uri }, null],
  ];
  for (const [carriers, token, from] of cases) {
    const expected = token === null ? null : { token, from };
    assert.deepEqual(findSigningPackage(carriers), expected, JSON.stringify(carriers));
  }
});

test('a URI loses its token as RFC 9246 §2.1.15 says', () => {
  const cases: [string, string][] = [
    [
      'http://example.com/media/path?come=data&URISigningPackage=JWT&other=data',
      'http://example.com/media/path?come=data&other=data',
    ],
    ['/a?URISigningPackage=JWT', '/a'],
    ['/a?URISigningPackage=JWT&b=c', '/a?b=c'],
    ['/a?b=c&URISigningPackage=JWT', '/a?b=c'],
    ['/a;URISigningPackage=JWT', '/a'],
    ['/a;URISigningPackage=JWT/b', '/a/b'],
    ['/a;URISigningPackage=JWT;v=1', '/a;v=1'],
    ['/a;URISigningPackage=JWT?b=c', '/a?b=c'],
    ['/a?URISigningPackage=x&URISigningPackage=y', '/a'],
    ['/a', '/a'],
  ];
  for (const [uri, stripped] of cases) {
    assert.equal(stripSigningPackage(uri), stripped, uri);
  }
});
