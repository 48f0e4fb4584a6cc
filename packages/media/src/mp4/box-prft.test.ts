import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertRoundTrip, box, parsed, written } from '../../fixtures/box-bytes.ts';
import { assertMediaError } from '../../fixtures/media-error.ts';
import { PRFT_BYTES, parseProducerReferenceTime, writeProducerReferenceTime } from './box-prft.ts';

const TIME = { wallClockMs: 1_795_390_000_123.456, mediaTimeTicks: 161_585_100_011_111, flags: 24 };

test('prft round-trips to the microsecond, and has the size that it says', () => {
  assertRoundTrip(TIME, (writer, value) => writeProducerReferenceTime(writer, 1, value), parseProducerReferenceTime);
  assert.equal(written((writer) => writeProducerReferenceTime(writer, 1, TIME)).length, PRFT_BYTES);
});

test('prft keeps microseconds at both ends of its range', () => {
  for (const wallClockMs of [-2_208_988_739_998.238, 1.001, 999.999, 2_085_978_495_999.999]) {
    const value = { ...TIME, wallClockMs };
    assertRoundTrip(value, (writer, time) => writeProducerReferenceTime(writer, 1, time), parseProducerReferenceTime);
  }
});

test('prft names its track', () => {
  const bytes = written((writer) => writeProducerReferenceTime(writer, 0x0102_0304, TIME));
  assert.deepEqual(bytes.subarray(12, 16), Uint8Array.of(1, 2, 3, 4));
});

test('prft has no room for a time before 1900 or after February 2036', () => {
  for (const wallClockMs of [-2_208_988_800_001, 2_085_978_496_000, Number.NaN]) {
    assertMediaError(
      () => written((writer) => writeProducerReferenceTime(writer, 1, { ...TIME, wallClockMs })),
      'field_range',
    );
  }
});

test('prft of version 0, half a second past 1970', () => {
  const bytes = box('prft', '00 000000 00000001 83aa7e80 80000000 00000007');
  assert.deepEqual(parsed(bytes, parseProducerReferenceTime), { wallClockMs: 500, mediaTimeTicks: 7, flags: 0 });
});
