import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertRoundTrip, box, parsed } from '../../fixtures/box-bytes.ts';
import { assertMediaError } from '../../fixtures/media-error.ts';
import { parseDecodeTime, writeDecodeTime } from './box-tfdt.ts';

test('tfdt round-trips with 64 bits', () => {
  for (const ticks of [0, 2 ** 32, Number.MAX_SAFE_INTEGER]) assertRoundTrip(ticks, writeDecodeTime, parseDecodeTime);
});

test('tfdt of version 0 has 32 bits without a sign', () => {
  assert.equal(parsed(box('tfdt', '00 000000 ffffffff'), parseDecodeTime), 0xffff_ffff);
});

test('tfdt below zero, as ffmpeg wraps the priming of AAC', () => {
  assert.equal(parsed(box('tfdt', '01 000000 fffffffffffffc00'), parseDecodeTime), -1024);
});

test('tfdt that a number cannot hold, or cut short', () => {
  assertMediaError(() => parsed(box('tfdt', '01 000000 0020000000000000'), parseDecodeTime), 'integer_unsafe', 12);
  assertMediaError(() => parsed(box('tfdt', '01 000000 00000000'), parseDecodeTime), 'truncated', 16);
});
