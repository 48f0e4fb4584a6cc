import { test } from 'node:test';
import { assertRoundTrip, box, parsed } from '../../fixtures/box-bytes.ts';
import { assertMediaError } from '../../fixtures/media-error.ts';
import { parseMovieFragmentHeader, writeMovieFragmentHeader } from './box-mfhd.ts';

test('mfhd round-trips', () => {
  assertRoundTrip(1, writeMovieFragmentHeader, parseMovieFragmentHeader);
  assertRoundTrip(0xffff_ffff, writeMovieFragmentHeader, parseMovieFragmentHeader);
});

test('mfhd cut short', () => {
  assertMediaError(() => parsed(box('mfhd', '00000000'), parseMovieFragmentHeader), 'truncated', 12);
});
