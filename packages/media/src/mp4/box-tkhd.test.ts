import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertRoundTrip, box, parsed, shortenings, written } from '../../fixtures/box-bytes.ts';
import { assertMediaError } from '../../fixtures/media-error.ts';
import { parseTrackHeader, writeTrackHeader, type TrackHeader } from './box-tkhd.ts';

const VIDEO: TrackHeader = {
  trackId: 1,
  durationTicks: 7,
  kind: 'video',
  widthFixed: 1920 << 16,
  heightFixed: 1080 << 16,
};
const AUDIO: TrackHeader = { trackId: 2, durationTicks: 0, kind: 'audio', widthFixed: 0, heightFixed: 0 };

test('tkhd round-trips', () => {
  assertRoundTrip(VIDEO, writeTrackHeader, parseTrackHeader);
  assertRoundTrip(AUDIO, writeTrackHeader, parseTrackHeader);
});

test('tkhd is of a track that is enabled and in the movie', () => {
  for (const header of [VIDEO, AUDIO]) {
    const bytes = written((writer) => writeTrackHeader(writer, header));
    assert.deepEqual(bytes.subarray(8, 12), Uint8Array.of(0, 0, 0, 3));
  }
});

test('tkhd of version 1 has 64 bits of time', () => {
  const tail = `${'00'.repeat(8 + 4)} 0100 0000 ${'00'.repeat(36)} 00000000 00000000`;
  const bytes = box('tkhd', '01 000003', '00'.repeat(16), '00000009 00000000 0000000100000000', tail);
  assert.deepEqual(parsed(bytes, parseTrackHeader), { ...AUDIO, trackId: 9, durationTicks: 2 ** 32 });
});

test('tkhd cut short, or of track 0', () => {
  for (const short of shortenings(written((writer) => writeTrackHeader(writer, VIDEO)))) {
    assertMediaError(() => parsed(short, parseTrackHeader), 'truncated');
  }
  assertMediaError(() => parsed(box('tkhd', '00'.repeat(84)), parseTrackHeader), 'track_id', 20);
  assertMediaError(() => written((writer) => writeTrackHeader(writer, { ...VIDEO, trackId: 0 })), 'track_id');
});
