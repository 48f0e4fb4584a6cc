import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertRoundTrip, box, parsed, shortenings, written } from '../../fixtures/box-bytes.ts';
import { assertMediaError } from '../../fixtures/media-error.ts';
import {
  parseTrackFragmentHeader,
  trackFragmentHeaderBytes,
  writeTrackFragmentHeader,
  type TrackFragmentHeader,
} from './box-tfhd.ts';

/** Each combination of the optional fields. */
function* headers(): Generator<TrackFragmentHeader> {
  for (let mask = 0; mask < 128; mask += 1) {
    yield {
      trackId: 7,
      baseDataOffset: (mask & 1) === 0 ? undefined : 2 ** 40,
      sampleDescriptionIndex: (mask & 2) === 0 ? undefined : 1,
      durationTicks: (mask & 4) === 0 ? undefined : 512,
      sizeBytes: (mask & 8) === 0 ? undefined : 9,
      sampleFlags: (mask & 16) === 0 ? undefined : 0x101_0000,
      durationIsEmpty: (mask & 32) !== 0,
      baseIsMoof: (mask & 64) !== 0,
    };
  }
}

test('tfhd round-trips with every combination of fields, and has the size that it says', () => {
  for (const header of headers()) {
    assertRoundTrip(header, writeTrackFragmentHeader, parseTrackFragmentHeader);
    const bytes = written((writer) => writeTrackFragmentHeader(writer, header));
    assert.equal(bytes.length, trackFragmentHeaderBytes(header));
    for (const short of shortenings(bytes)) {
      assertMediaError(() => parsed(short, parseTrackFragmentHeader), 'truncated');
    }
  }
});

test('tfhd of a second sample entry', () => {
  assertMediaError(
    () => parsed(box('tfhd', '00 000002 00000001 00000002'), parseTrackFragmentHeader),
    'sample_description',
  );
  const [header] = headers();
  assert.ok(header !== undefined);
  const second = { ...header, sampleDescriptionIndex: 2 };
  assertMediaError(() => written((writer) => writeTrackFragmentHeader(writer, second)), 'sample_description');
});
