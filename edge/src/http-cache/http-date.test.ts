import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatHttpDate, parseHttpDate } from './http-date.ts';

const NOW_MS = Date.UTC(2026, 10, 28);

test('the three forms of a date', () => {
  const instant = Date.UTC(1994, 10, 6, 8, 49, 37);
  for (const text of [
    'Sun, 06 Nov 1994 08:49:37 GMT',
    'Sunday, 06-Nov-94 08:49:37 GMT',
    'Sun Nov  6 08:49:37 1994',
    'Sun Nov 06 08:49:37 1994',
  ]) {
    assert.equal(parseHttpDate(text, NOW_MS), instant, text);
  }
});

test('a date is read in any case', () => {
  const instant = Date.UTC(1994, 10, 6, 8, 49, 37);
  for (const text of ['sun, 06 NOV 1994 08:49:37 gMT', 'SUN NOV  6 08:49:37 1994']) {
    assert.equal(parseHttpDate(text, NOW_MS), instant, text);
  }
});

test('a year of two digits is at most 50 years ahead', () => {
  const year = (digits: string, now = NOW_MS) =>
    new Date(parseHttpDate(`Sunday, 06-Nov-${digits} 08:49:37 GMT`, now)!).getUTCFullYear();
  assert.equal(year('76'), 2076);
  assert.equal(year('77'), 1977);
  assert.equal(year('00'), 2000);
  assert.equal(year('05', Date.UTC(2099, 0)), 2105);
  assert.equal(year('99', Date.UTC(2099, 0)), 2099);
});

test('what is no date', () => {
  for (const text of [
    '',
    '0',
    '-1',
    'foo',
    'Sun, 6 Nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 8:49:37 GMT',
    'Sun, 06 Nov 1994 08:49:37',
    'Sun, 06 Nov 1994 08:49:37 +0000',
    'Sun, 06 Nov 1994 08:49:37 AEST',
    'Sun, 06 Nov 1994 08:49:37 UTC',
    'Sun, 06 Nov 1994 24:00:00 GMT',
    'Sun, 06 Nov 1994 08:60:37 GMT',
    'Sun, 06 Nov 1994 08:49:61 GMT',
    'Sun, 31 Jun 1994 08:49:37 GMT',
    'Sun, 00 Jun 1994 08:49:37 GMT',
    'Sun, 29 Feb 2027 08:49:37 GMT',
    'Sun, 06-Nov-1994 08:49:37 GMT',
    'Sun, 06  Nov  1994 08:49:37 GMT',
    'Sun 06 Nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 94 08:49:37 GMT',
    ' Sun, 06 Nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT',
  ]) {
    assert.equal(parseHttpDate(text, NOW_MS), null, text);
  }
});

test('dates read as they were written', () => {
  for (const ms of [0, 951_782_399_000, 4_102_444_800_000, 253_402_300_799_000]) {
    assert.equal(parseHttpDate(formatHttpDate(ms), NOW_MS), ms);
  }
  assert.equal(parseHttpDate('Tue, 29 Feb 2028 23:59:60 GMT', NOW_MS), Date.UTC(2028, 2, 1));
});
