import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertRoundTrip, box, parsed, shortenings, written } from '../../fixtures/box-bytes.ts';
import { assertMediaError } from '../../fixtures/media-error.ts';
import { parseMediaHeader, writeMediaHeader } from './box-mdhd.ts';

test('mdhd round-trips, with and without a language', () => {
  assertRoundTrip({ timescale: 48_000, durationTicks: 0, language: 'deu' }, writeMediaHeader, parseMediaHeader);
  assertRoundTrip({ timescale: 90_000, durationTicks: 5 }, writeMediaHeader, parseMediaHeader);
});

test('mdhd of version 1, and a language that is none', () => {
  const bytes = box('mdhd', '01 000000', '00'.repeat(16), '0000bb80 0000000100000000 7fff 0000');
  assert.deepEqual(parsed(bytes, parseMediaHeader), { timescale: 48_000, durationTicks: 2 ** 32 });
});

test('mdhd cut short, with timescale 0, or with a language of two letters', () => {
  const whole = written((writer) => writeMediaHeader(writer, { timescale: 1, durationTicks: 0 }));
  for (const short of shortenings(whole.subarray(0, -2))) {
    assertMediaError(() => parsed(short, parseMediaHeader), 'truncated');
  }
  assertMediaError(() => parsed(box('mdhd', '00'.repeat(24)), parseMediaHeader), 'timescale', 20);
  const standing = { timescale: 0, durationTicks: 0 };
  assertMediaError(() => written((writer) => writeMediaHeader(writer, standing)), 'timescale');
  const header = { timescale: 1, durationTicks: 0, language: 'de' };
  assertMediaError(() => written((writer) => writeMediaHeader(writer, header)), 'language');
});
