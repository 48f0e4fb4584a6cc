import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertRoundTrip, box, parsed, shortenings, written } from '../../fixtures/box-bytes.ts';
import { assertMediaError } from '../../fixtures/media-error.ts';
import { parseMovieHeader, writeMovieHeader } from './box-mvhd.ts';

const HEADER = { timescale: 90_000, durationTicks: 123_456, nextTrackId: 2 };

test('mvhd round-trips', () => assertRoundTrip(HEADER, writeMovieHeader, parseMovieHeader));

test('mvhd of version 1 has 64 bits of time', () => {
  const tail = `00010000 0100 ${'00'.repeat(10 + 36 + 24)} 00000002`;
  const bytes = box('mvhd', '01 000000', '00'.repeat(16), '00015f90 0000000100000000', tail);
  assert.deepEqual(parsed(bytes, parseMovieHeader), { timescale: 90_000, durationTicks: 2 ** 32, nextTrackId: 2 });
});

test('mvhd cut short, or with timescale 0', () => {
  for (const short of shortenings(written((writer) => writeMovieHeader(writer, HEADER)))) {
    assertMediaError(() => parsed(short, parseMovieHeader), 'truncated');
  }
  assertMediaError(() => parsed(box('mvhd', '00'.repeat(100)), parseMovieHeader), 'timescale', 20);
  assertMediaError(() => written((writer) => writeMovieHeader(writer, { ...HEADER, timescale: 0 })), 'timescale');
});
