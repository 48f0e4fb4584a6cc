import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_STALE_IF_ERROR_S, DEFAULT_STALE_WHILE_REVALIDATE_MS } from './response-policy.ts';
import { isOnlyIfCached, judgeReuse } from './reuse.ts';
import { get, NOW_MS, stored } from './sample-head.ts';

function judge(control: string, request: string, ageS: number) {
  const fields = request === '' ? [] : ['Cache-Control', request];
  return judgeReuse(get(...fields), stored(['Cache-Control', control]), NOW_MS + ageS * 1000);
}

/** response, request, age, verdict */
type Row = readonly [control: string, request: string, ageS: number, verdict: string];

function check(rows: readonly Row[]): void {
  for (const [control, request, ageS, verdict] of rows) {
    assert.equal(judge(control, request, ageS).verdict, verdict, `${control} | ${request} | ${ageS}`);
  }
}

test('a fresh response is served, a stale one validated', () => {
  check([
    ['max-age=10', '', 9.9, 'serve'],
    ['max-age=10', '', 11, 'validate'],
    ['max-age=0', '', 0, 'validate'],
    ['max-age=10, must-revalidate', '', 9, 'serve'],
    ['max-age=10, must-revalidate', '', 10, 'validate'],
  ]);
});

test('no-cache of a response: always validated', () => {
  check([
    ['max-age=10, no-cache', '', 0, 'validate'],
    ['max-age=10, no-cache', 'max-stale', 0, 'validate'],
    ['max-age=10, No-CaChE=""', '', 0, 'validate'],
    ['max-age=10, no-cache="set-cookie"', '', 0, 'serve'],
  ]);
});

test('max-age of a request', () => {
  check([
    ['max-age=100', 'max-age=5', 5, 'serve'],
    ['max-age=100', 'max-age=5', 5.1, 'validate'],
    ['max-age=100', 'max-age=0', 1, 'validate'],
    ['max-age=100', 'max-age=x', 1, 'validate'],
    ['max-age=100', 'max-age=5, max-stale=10', 15, 'serve'],
    ['max-age=100', 'max-age=5, max-stale=10', 16, 'validate'],
  ]);
});

test('min-fresh of a request', () => {
  check([
    ['max-age=100', 'min-fresh=10', 90, 'serve'],
    ['max-age=100', 'min-fresh=10', 91, 'validate'],
    ['max-age=100', 'min-fresh=10, max-stale', 91, 'validate'],
  ]);
});

test('max-stale of a request', () => {
  check([
    ['max-age=10', 'max-stale=5', 15, 'serve'],
    ['max-age=10', 'max-stale=5', 16, 'validate'],
    ['max-age=10', 'max-stale', 1_000_000, 'serve'],
    ['max-age=10', 'max-stale=', 16, 'validate'],
    ['max-age=10, must-revalidate', 'max-stale', 11, 'validate'],
    ['max-age=10, proxy-revalidate', 'max-stale', 11, 'validate'],
    ['s-maxage=10', 'max-stale', 11, 'validate'],
    ['max-age=10, no-cache', 'max-stale', 1, 'validate'],
  ]);
});

test('no-cache and Pragma of a request', () => {
  check([
    ['max-age=100', 'no-cache', 1, 'validate'],
    ['max-age=100', 'No-Cache, max-stale', 1, 'validate'],
    ['max-age=100', 'no-store', 1, 'serve'],
  ]);
  const head = stored(['Cache-Control', 'max-age=100']);
  assert.equal(judgeReuse(get('Pragma', 'no-cache'), head, NOW_MS).verdict, 'validate');
  assert.equal(judgeReuse(get('Pragma', 'foo'), head, NOW_MS).verdict, 'serve');
  assert.equal(judgeReuse(get('Pragma', 'no-cache', 'Cache-Control', 'max-age=9'), head, NOW_MS).verdict, 'serve');
});

test('only-if-cached is told', () => {
  assert.equal(judge('max-age=1', 'only-if-cached', 9).onlyIfCached, true);
  assert.equal(judge('max-age=1', '', 9).onlyIfCached, false);
  assert.equal(isOnlyIfCached(get('Cache-Control', 'Only-If-Cached')), true);
  assert.equal(isOnlyIfCached(get()), false);
});

test('a fresh immutable response is not validated at a reload, but at a forced one', () => {
  check([
    ['max-age=100, immutable', 'max-age=0', 50, 'serve'],
    ['max-age=100, immutable', 'no-cache', 50, 'validate'],
    ['max-age=100, immutable', 'max-age=0', 101, 'validate'],
    ['max-age=100, immutable', 'min-fresh=60', 50, 'validate'],
  ]);
});

test('stale-while-revalidate', () => {
  check([
    ['max-age=10, stale-while-revalidate=5', '', 15, 'serve-and-refresh'],
    ['max-age=10, stale-while-revalidate=5', '', 15.1, 'validate'],
    ['max-age=0, stale-while-revalidate=5', '', 0, 'serve-and-refresh'],
    ['max-age=10, stale-while-revalidate=0', '', 10, 'validate'],
    ['max-age=10, stale-while-revalidate', '', 10.1, 'validate'],
    ['max-age=10, stale-while-revalidate=5, must-revalidate', '', 12, 'validate'],
    ['max-age=10, stale-while-revalidate=5, proxy-revalidate', '', 12, 'validate'],
    ['max-age=10, stale-while-revalidate=5, no-cache', '', 12, 'validate'],
    ['s-maxage=10, stale-while-revalidate=5', '', 12, 'serve-and-refresh'],
    ['max-age=10, stale-while-revalidate=5', 'max-age=11', 12, 'validate'],
    ['max-age=10, stale-while-revalidate=5', 'no-cache', 12, 'validate'],
    ['max-age=10, stale-while-revalidate=5', 'min-fresh=1', 12, 'validate'],
  ]);
});

test('stale-while-revalidate of a response that says nothing is less than a second, and no more than half its life', () => {
  const defaultS = DEFAULT_STALE_WHILE_REVALIDATE_MS / 1000;
  assert.ok(defaultS < 1);
  check([
    ['max-age=10', '', 10 + defaultS, 'serve-and-refresh'],
    ['max-age=10', '', 10.001 + defaultS, 'validate'],
    ['max-age=0', '', 0.001, 'validate'],
    ['max-age=10, must-revalidate', '', 10.1, 'validate'],
    ['s-maxage=10', '', 10.1, 'validate'],
  ]);
});

test('stale-if-error: by default for a short time, unless forbidden or bounded', () => {
  const rows: [control: string, request: string, ageS: number, isServed: boolean][] = [
    ['max-age=10', '', 10 + DEFAULT_STALE_IF_ERROR_S, true],
    ['max-age=10', '', 10.1 + DEFAULT_STALE_IF_ERROR_S, false],
    ['max-age=10, stale-if-error=600', '', 610, true],
    ['max-age=10, stale-if-error=600', '', 611, false],
    ['max-age=0, stale-if-error=1', '', 3, false],
    ['max-age=10, stale-if-error=0', '', 10.1, false],
    ['max-age=10, must-revalidate', '', 11, false],
    ['max-age=10, proxy-revalidate, stale-if-error=60', '', 11, false],
    ['s-maxage=10', '', 11, false],
    ['s-maxage=10, stale-while-revalidate=1', '', 12, false],
    ['s-maxage=10, stale-if-error=60', '', 11, true],
    ['max-age=10, no-cache', '', 1, false],
    ['max-age=10', 'no-cache', 1, false],
    ['max-age=10', 'max-age=0', 1, true],
    ['max-age=0', 'stale-if-error=1', 3, false],
    ['max-age=0', 'stale-if-error=3600', 3000, true],
    ['max-age=0, stale-if-error=5', 'stale-if-error=3600', 6, false],
  ];
  for (const [control, request, ageS, isServed] of rows) {
    assert.equal(judge(control, request, ageS).onErrorServe, isServed, `${control} | ${request} | ${ageS}`);
  }
});

test('an error of before does not stand in for one of now', () => {
  for (const [status, isServed] of [
    [200, true],
    [404, true],
    [501, true],
    [500, false],
    [503, false],
  ] as const) {
    for (const [control, request] of [
      ['max-age=10, stale-if-error=60', get()],
      ['max-age=10', get('Cache-Control', 'stale-if-error=60')],
    ] as const) {
      const { onErrorServe } = judgeReuse(request, stored(['Cache-Control', control], { status }), NOW_MS + 11_000);
      assert.equal(onErrorServe, isServed, `${status} ${control}`);
    }
  }
});

test('why a request goes on, and the figures of the answer', () => {
  assert.equal(judge('max-age=10', 'no-cache', 1).fwd, 'request');
  assert.equal(judge('max-age=10', '', 11).fwd, 'stale');
  assert.equal(judge('max-age=10, no-cache', '', 1).fwd, 'stale');
  const { ageS, ttlS } = judge('max-age=10', '', 12.5);
  assert.deepEqual({ ageS, ttlS }, { ageS: 12, ttlS: -3 });
});
