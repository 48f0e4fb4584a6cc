import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertMediaError } from '../../fixtures/media-error.ts';
import { dateTime, decimalInteger, secondsFromMs, secondsFromTicks, uriText } from './tags.ts';

const NO_NUMBERS = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];

test('a duration has five digits, and is neither below 0 nor without end', () => {
  assert.equal(secondsFromTicks(1, 90_000), '0.00001');
  assert.equal(secondsFromTicks(2 * 90_000, 90_000), '2.00000');
  for (const ticks of [...NO_NUMBERS, -1, Number.MAX_SAFE_INTEGER]) {
    assertMediaError(() => secondsFromTicks(ticks, 90_000), 'time_range');
  }
  assertMediaError(() => secondsFromTicks(0, 0), 'time_range');
});

test('a time may be below 0, and must be a number', () => {
  assert.equal(secondsFromMs(-1500), '-1.500');
  for (const ms of [...NO_NUMBERS, 1e21]) assertMediaError(() => secondsFromMs(ms), 'time_range');
});

test('a URI is neither a tag nor a comment', () => {
  assert.equal(uriText('#EXT-X-ENDLIST'), '%23EXT-X-ENDLIST');
  assert.equal(uriText('e1/1.m4s#t=1'), 'e1/1.m4s#t=1');
});

test('a date has a year of four digits', () => {
  assert.equal(dateTime(253_402_300_799_999.4), '9999-12-31T23:59:59.999Z');
  for (const ms of [...NO_NUMBERS, 253_402_300_800_000, -62_135_596_800_001]) {
    assertMediaError(() => dateTime(ms), 'time_range');
  }
});

test('an integer is one, and not below 0', () => {
  assert.equal(decimalInteger(895_000_000), '895000000');
  for (const value of [...NO_NUMBERS, -1, 0.5, 2 ** 53]) assertMediaError(() => decimalInteger(value), 'field_range');
});
