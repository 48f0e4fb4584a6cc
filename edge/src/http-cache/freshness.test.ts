import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_DELTA_S } from './delta-seconds.ts';
import { freshnessOf } from './freshness.ts';
import {
  HEURISTIC_FRACTION,
  MAX_HEURISTIC_S,
  MAX_NEGATIVE_HEURISTIC_S,
  NEGATIVE_LIFETIMES_S,
} from './response-policy.ts';
import { dateAfter, NOW_MS, stored } from './sample-head.ts';

function lifetimeS(...fields: string[]): number {
  return freshnessOf(stored(fields), NOW_MS).lifetimeS;
}

function ageS(fields: string[], afterMs = 0, responseDelayMs = 0): number {
  return freshnessOf(stored(fields, { requestMs: NOW_MS - responseDelayMs }), NOW_MS + afterMs).ageS;
}

test('s-maxage goes before max-age, and that before Expires', () => {
  const expires = ['Expires', dateAfter(30)];
  assert.equal(lifetimeS(...expires), 30);
  assert.equal(lifetimeS('Cache-Control', 'max-age=20', ...expires), 20);
  assert.equal(lifetimeS('Cache-Control', 'max-age=20, s-maxage=10', ...expires), 10);
  assert.equal(lifetimeS('Cache-Control', 's-maxage=10', 'Cache-Control', 'max-age=20'), 10);
});

test('an invalid or conflicting lifetime is none', () => {
  assert.equal(lifetimeS('Cache-Control', 's-maxage=x, max-age=20'), 0);
  assert.equal(lifetimeS('Cache-Control', 'max-age=x', 'Expires', dateAfter(30)), 0);
  assert.equal(lifetimeS('Cache-Control', 'max-age=20, max-age=10'), 10);
});

test('Expires counts from Date, and means expired where it is invalid or repeated', () => {
  assert.equal(lifetimeS('Date', dateAfter(-400), 'Expires', dateAfter(-100)), 300);
  assert.equal(lifetimeS('Expires', dateAfter(-1)), 0);
  assert.equal(lifetimeS('Date', 'foo', 'Expires', dateAfter(10)), 10);
  for (const value of ['0', '-1', '', 'soon', 'Sun, 06 Nov 2094 8:49:37 GMT']) {
    assert.equal(lifetimeS('Expires', value, 'Last-Modified', dateAfter(-86_400)), 0, value);
  }
  assert.equal(lifetimeS('Expires', dateAfter(10), 'Expires', dateAfter(20)), 0);
});

test('a targeted field makes Cache-Control and Expires void', () => {
  const others = ['Cache-Control', 'max-age=20', 'Expires', dateAfter(30)];
  assert.equal(lifetimeS('CDN-Cache-Control', 'max-age=5', ...others), 5);
  assert.equal(lifetimeS('CDN-Cache-Control', 'foo', ...others), 0);
  assert.equal(lifetimeS('CDN-Cache-Control', '&', ...others), 20);
});

test('heuristics: a tenth of the time since the last change, bounded', () => {
  assert.equal(lifetimeS('Last-Modified', dateAfter(-1000)), 1000 * HEURISTIC_FRACTION);
  assert.equal(lifetimeS('Last-Modified', dateAfter(-100_000_000)), MAX_HEURISTIC_S);
  assert.equal(lifetimeS('Last-Modified', dateAfter(100)), 0);
  assert.equal(lifetimeS('Last-Modified', 'foo'), 0);
  assert.equal(lifetimeS('ETag', '"a"'), 0);
});

test('heuristics are for statuses that allow them, or for public responses', () => {
  const modified = ['Last-Modified', dateAfter(-100)];
  const of = (status: number, ...more: string[]) =>
    freshnessOf(stored([...modified, ...more], { status }), NOW_MS).lifetimeS;
  for (const status of [200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501]) assert.equal(of(status), 10);
  for (const status of [201, 202, 302, 303, 307, 400, 403, 500, 502, 503, 504, 599]) {
    assert.equal(of(status), 0, String(status));
    assert.equal(of(status, 'Cache-Control', 'public'), 10, String(status));
  }
});

test('negative answers are fresh for a short time', () => {
  const of = (status: number, ...fields: string[]) => freshnessOf(stored(fields, { status }), NOW_MS).lifetimeS;
  for (const [status, seconds] of Object.entries(NEGATIVE_LIFETIMES_S)) {
    assert.ok(seconds > 0 && seconds <= MAX_NEGATIVE_HEURISTIC_S);
    assert.equal(of(Number(status)), seconds);
    assert.equal(of(Number(status), 'Last-Modified', dateAfter(-100_000_000)), MAX_NEGATIVE_HEURISTIC_S);
    assert.equal(of(Number(status), 'Cache-Control', 'max-age=0'), 0);
  }
  assert.equal(of(500), 0);
});

test('age: the greater of what Date and Age say, and the time here', () => {
  assert.equal(ageS([]), 0);
  assert.equal(ageS([], 2999), 2);
  assert.equal(ageS(['Date', dateAfter(-7)], 2000), 9);
  assert.equal(ageS(['Age', '30'], 2000), 32);
  assert.equal(ageS(['Age', '30', 'Date', dateAfter(-7)], 2000), 32);
  assert.equal(ageS(['Age', '3', 'Date', dateAfter(-7)], 2000), 9);
  assert.equal(ageS(['Age', '30'], 0, 2500), 32);
  assert.equal(ageS([], 0, 2500), 2);
});

test('age: clocks that differ make no response younger than it is', () => {
  assert.equal(ageS(['Date', dateAfter(1000)], 2000), 2);
  assert.equal(ageS([], -5000), 0);
  assert.equal(ageS([], 0, -5000), 0);
});

test('age: the first member counts, an invalid one is ignored', () => {
  const table: [string[], number][] = [
    [['0, 7200'], 0],
    [['7200, 0'], 7200],
    [['7200', '0'], 7200],
    [['0', '7200'], 0],
    [['abc'], 0],
    [['-7200'], 0],
    [['7200.0'], 0],
    [['7200;foo=bar'], 0],
    [[''], 0],
    [['2147483647'], 2_147_483_647],
    [['2147483649'], MAX_DELTA_S],
    [['9'.repeat(400)], MAX_DELTA_S],
  ];
  for (const [lines, expected] of table) {
    const fields = lines.flatMap((line) => ['Age', line]);
    assert.equal(ageS(fields), expected, lines.join('|'));
  }
  assert.equal(ageS(['Age', '2147483648'], 10_000), MAX_DELTA_S);
});

test('fresh up to its lifetime and not at it', () => {
  const head = stored(['Cache-Control', 'max-age=10']);
  assert.deepEqual(freshnessOf(head, NOW_MS + 9999), {
    lifetimeS: 10,
    ageS: 9,
    isFresh: true,
    ttlS: 0,
    remainingMs: 1,
  });
  assert.equal(freshnessOf(head, NOW_MS + 10_000).isFresh, false);
  assert.equal(freshnessOf(head, NOW_MS + 12_000).ttlS, -2);
});
