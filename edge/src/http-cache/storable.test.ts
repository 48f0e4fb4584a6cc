import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dateAfter, get, NOW_MS } from './sample-head.ts';
import { judgeStorage, type StorageRefusal } from './storable.ts';

function refused(response: string[], { status = 200, request = get() } = {}): StorageRefusal | null {
  const verdict = judgeStorage(request, { status, fields: response }, NOW_MS);
  return verdict.store ? null : verdict.why;
}

const FRESH = ['Cache-Control', 'max-age=60'];

test('a response is stored when its freshness is said or can be guessed', () => {
  assert.equal(refused(FRESH), null);
  assert.equal(refused(['Cache-Control', 's-maxage=60']), null);
  assert.equal(refused(['Cache-Control', 'public']), null);
  assert.equal(refused(['Cache-Control', 'max-age=0']), null);
  assert.equal(refused(['Expires', dateAfter(60)]), null);
  assert.equal(refused(['Expires', '0']), null);
  assert.equal(refused(['ETag', '"a"']), null);
  assert.equal(refused(['Last-Modified', dateAfter(-60)]), null);
  assert.equal(refused([]), 'not-cacheable');
  assert.equal(refused(['Cache-Control', 'no-cache']), 'not-cacheable');
  assert.equal(refused(['CDN-Cache-Control', 'foo', 'Expires', dateAfter(60)]), 'not-cacheable');
});

test('any final status is stored when its freshness is said; by heuristics only some', () => {
  for (const status of [200, 203, 204, 299, 301, 302, 303, 307, 308, 400, 404, 410, 499, 500, 502, 503, 504, 599]) {
    assert.equal(refused(FRESH, { status }), null, String(status));
  }
  for (const status of [203, 204, 300, 301, 308, 404, 405, 410, 414, 501]) {
    assert.equal(refused(['Last-Modified', dateAfter(-60)], { status }), null, String(status));
  }
  for (const status of [201, 202, 302, 303, 307, 400, 403, 500, 502, 503, 504, 599]) {
    assert.equal(refused(['Last-Modified', dateAfter(-60)], { status }), 'not-cacheable', String(status));
  }
  assert.equal(refused([], { status: 404 }), null, 'negative answers need no validator');
  for (const status of [100, 103, 304, 416, 600, 999])
    assert.equal(refused(FRESH, { status }), 'status', String(status));
});

test('only GET is stored', () => {
  for (const method of ['HEAD', 'POST', 'PUT', 'OPTIONS', 'get']) {
    assert.equal(refused(FRESH, { request: { method, fields: [] } }), 'method');
  }
});

test('no-store of the request or the response forbids it', () => {
  assert.equal(refused(['Cache-Control', 'max-age=60, No-StOrE']), 'no-store');
  assert.equal(refused(FRESH, { request: get('Cache-Control', 'no-store') }), 'request-no-store');
});

test('private forbids it, unless it names fields', () => {
  assert.equal(refused(['Cache-Control', 'private, max-age=60']), 'private');
  assert.equal(refused(['Cache-Control', 'private="", max-age=60']), 'private');
  assert.equal(refused(['Cache-Control', 'private="a", max-age=60']), null);
  // Without those that decide on reuse the rest would be more public, or fresher, than its origin said.
  for (const name of ['Vary', 'cache-control', 'a, Date', 'age', 'expires', 'CDN-Cache-Control']) {
    assert.equal(refused(['Cache-Control', `private="${name}", max-age=60`]), 'private', name);
  }
});

test('must-understand: an unknown status is not stored, a known one in spite of no-store', () => {
  const mustUnderstand = ['Cache-Control', 'max-age=60, must-understand, no-store'];
  assert.equal(refused(mustUnderstand, { status: 200 }), null);
  assert.equal(refused(mustUnderstand, { status: 404 }), null);
  assert.equal(refused(mustUnderstand, { status: 599 }), 'not-understood');
  assert.equal(refused(['Cache-Control', 'max-age=60, must-understand'], { status: 299 }), 'not-understood');
});

test('the answer to an authorised request is stored only when it is for others too', () => {
  const request = get('Authorization', 'Basic x');
  assert.equal(refused(FRESH, { request }), 'authorization');
  assert.equal(refused(['Expires', dateAfter(60)], { request }), 'authorization');
  for (const directive of ['public', 'must-revalidate', 's-maxage=60']) {
    assert.equal(refused(['Cache-Control', `max-age=60, ${directive}`], { request }), null, directive);
  }
  assert.equal(refused(['Cache-Control', 'max-age=60, proxy-revalidate'], { request }), 'authorization');
});

test('Vary with a star is not stored', () => {
  assert.equal(refused([...FRESH, 'Vary', 'a, *']), 'vary');
  assert.equal(refused([...FRESH, 'Vary', 'a']), null);
});

test('Set-Cookie is stored when freshness is said, not when it would be guessed', () => {
  const cookie = ['Set-Cookie', 'a=1'];
  assert.equal(refused([...FRESH, ...cookie]), null);
  assert.equal(refused(['Cache-Control', 'public', ...cookie]), null);
  assert.equal(refused(['CDN-Cache-Control', 'max-age=60', ...cookie]), null);
  assert.equal(refused(['Expires', dateAfter(60), ...cookie]), null);
  assert.equal(refused(['Last-Modified', dateAfter(-60), ...cookie]), 'set-cookie');
  // No time at all is no time for others.
  for (const none of ['max-age=0', 's-maxage=0', 'max-age=60, s-maxage=0', 'max-age=60, no-cache', 'max-age=x']) {
    assert.equal(refused(['ETag', '"a"', 'Cache-Control', none, ...cookie]), 'set-cookie', none);
  }
  assert.equal(refused(['Cache-Control', 'public, max-age=0', ...cookie]), null);
  for (const past of ['0', dateAfter(-60), dateAfter(0)]) {
    assert.equal(refused(['ETag', '"a"', 'Expires', past, ...cookie]), 'set-cookie', past);
  }
  assert.equal(refused(['ETag', '"a"', 'Cache-Control', 'no-cache', ...cookie]), 'set-cookie');
  assert.equal(refused(['ETag', '"a"', 'Cache-Control', 'no-cache="set-cookie"', ...cookie]), null);
});

test('partial content is stored when it says which one part it is', () => {
  const partial = (...fields: string[]) => refused([...FRESH, ...fields], { status: 206 });
  assert.equal(partial('Content-Range', 'bytes 0-4/10'), null);
  assert.equal(partial(), 'content-range');
  assert.equal(partial('Content-Range', 'bytes */10'), 'content-range');
  assert.equal(partial('Content-Range', 'bytes 0-10/10'), 'content-range');
  assert.equal(partial('Content-Type', 'multipart/byteranges; boundary=x'), 'content-range');
});

test('a targeted field decides alone', () => {
  const both = (cdn: string, control: string) => refused(['CDN-Cache-Control', cdn, 'Cache-Control', control]);
  assert.equal(both('max-age=60', 'no-store'), null);
  assert.equal(both('no-store', 'max-age=60'), 'no-store');
  assert.equal(both('private', 'max-age=60'), 'private');
  assert.equal(both('&', 'no-store'), 'no-store');
});
