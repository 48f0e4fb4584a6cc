import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertRoundTrip, box, parsed } from '../../fixtures/box-bytes.ts';
import { assertMediaError } from '../../fixtures/media-error.ts';
import { parseMovieExtends, writeMovieExtends } from './box-mvex.ts';

test('mvex round-trips with a trex for each track', () => {
  const trex = { trackId: 1, sampleDescriptionIndex: 1, durationTicks: 512, sizeBytes: 9, flags: 0x101_0000 };
  assertRoundTrip([trex, { ...trex, trackId: 2, flags: 0xffff_ffff }], writeMovieExtends, parseMovieExtends);
});

test('mvex passes over what else is in it, and a trex cut short is an error', () => {
  assert.deepEqual(parsed(box('mvex', box('mehd', '00000000 00000001')), parseMovieExtends), []);
  assertMediaError(() => parsed(box('mvex', box('trex', '00000000 00000001')), parseMovieExtends), 'truncated', 24);
});
