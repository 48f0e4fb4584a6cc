import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertMediaError } from '../../fixtures/media-error.ts';
import { attributes, decimal, seconds, xsDateTime, xsDuration } from './xml.ts';

const NO_NUMBERS = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e21];

test('a duration is a plain decimal, to the millisecond', () => {
  assert.equal(xsDuration(0), 'PT0S');
  assert.equal(xsDuration(1666.7), 'PT1.667S');
  assert.equal(xsDuration(Number.MAX_SAFE_INTEGER), 'PT9007199254740.99S');
  for (const ms of [...NO_NUMBERS, -1]) {
    assertMediaError(() => xsDuration(ms), 'time_range');
    assertMediaError(() => seconds(ms), 'time_range');
  }
});

test('a date is one that XML Schema knows', () => {
  assert.equal(xsDateTime(1_790_000_000_123.5), '2026-09-21T14:13:20.124Z');
  assert.equal(xsDateTime(-62_135_596_800_000), '0001-01-01T00:00:00.000Z');
  assert.equal(xsDateTime(253_402_300_799_999), '9999-12-31T23:59:59.999Z');
  for (const ms of [...NO_NUMBERS, -62_135_596_800_001, 253_402_300_800_000]) {
    assertMediaError(() => xsDateTime(ms), 'time_range');
  }
});

test('a number is an unsigned integer, or a decimal without an exponent', () => {
  assert.equal(
    attributes({ id: 0, left: undefined, start: Number.MAX_SAFE_INTEGER }),
    ' id="0" start="9007199254740991"',
  );
  for (const value of [...NO_NUMBERS, -1, 0.5]) assertMediaError(() => attributes({ id: value }), 'field_range');
  assert.equal(decimal(0.96), '0.96');
  assert.equal(decimal(1e-7), '0');
  for (const value of [...NO_NUMBERS, -1]) assertMediaError(() => decimal(value), 'field_range');
});
