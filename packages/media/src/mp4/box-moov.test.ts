import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { box, hex, parsed, written } from '../../fixtures/box-bytes.ts';
import { assertMediaError } from '../../fixtures/media-error.ts';
import { parseAudioSpecificConfig } from '../codec/aac.ts';
import { parseMovie, writeMovie, type MovieSource } from './box-moov.ts';
import { parseMediaInformation, writeMediaInformation } from './box-stbl.ts';
import { SAMPLE_ENTRY_LIMIT_BYTES, writeAacSampleEntry } from './box-stsd.ts';
import { writeEditList } from './box-elst.ts';

const MOVIE: MovieSource = {
  header: { timescale: 1000, durationTicks: 0, nextTrackId: 6 },
  track: { trackId: 5, durationTicks: 0, kind: 'audio', widthFixed: 0, heightFixed: 0 },
  media: { timescale: 48_000, durationTicks: 0, language: 'fra' },
  sampleEntry: writeAacSampleEntry(parseAudioSpecificConfig(hex('1190'))),
  trackExtends: { trackId: 5, sampleDescriptionIndex: 1, durationTicks: 1024, sizeBytes: 0, flags: 7 },
};

suite('moov', () => {
  const bytes = written((writer) => writeMovie(writer, MOVIE));

  test('round-trips', () => {
    const { header, tracks, trackExtends } = parsed(bytes, parseMovie);
    const [track, ...others] = tracks;
    assert.ok(track !== undefined && others.length === 0);
    const back: MovieSource = {
      header,
      track: track.header,
      media: track.media,
      sampleEntry: track.entry.sampleEntry,
      trackExtends: trackExtends[0] as MovieSource['trackExtends'],
    };
    assert.deepEqual(back, MOVIE);
    assert.deepEqual([track.handler, track.edits], ['audio', []]);
    assert.deepEqual(
      written((writer) => writeMovie(writer, back)),
      bytes,
    );
  });

  test('has the edits of its track', () => {
    const edits = [{ durationTicks: 0, mediaTimeTicks: 1024 }];
    const edts = box(
      'edts',
      written((writer) => writeEditList(writer, edits)),
    );
    assert.deepEqual(parsed(withInTrack(bytes, edts), parseMovie).tracks[0]?.edits, edits);
    assert.deepEqual(parsed(withInTrack(bytes, box('edts')), parseMovie).tracks[0]?.edits, []);
    assertMediaError(() => parsed(withInTrack(bytes, edts, edts), parseMovie), 'box_repeated');
  });
});

/** Boxes at the start of the only trak. */
function withInTrack(moov: Uint8Array, ...boxes: Uint8Array[]): Uint8Array {
  const inner = Buffer.from(moov);
  const trak = inner.indexOf('trak') - 4;
  const trakEnd = trak + inner.readUInt32BE(trak);
  const track = box('trak', ...boxes, inner.subarray(trak + 8, trakEnd));
  return box('moov', inner.subarray(8, trak), track, inner.subarray(trakEnd));
}

test('minf of both kinds holds the sample entry', () => {
  for (const kind of ['video', 'audio'] as const) {
    const bytes = written((writer) => writeMediaInformation(writer, kind, MOVIE.sampleEntry));
    // ISO/IEC 14496-12 §12.1.2.2: the header of video has flag 1, for history's sake.
    const header = kind === 'video' ? box('vmhd', '00000001', '00'.repeat(8)) : box('smhd', '00000000 00000000');
    assert.ok(Buffer.from(bytes).includes(Buffer.from(header)));
    assert.deepEqual(parsed(bytes, parseMediaInformation).sampleEntry, MOVIE.sampleEntry);
  }
});

test('a sample entry that is none, or longer than one that is read, is not written', () => {
  const write = (bytes: number) => () =>
    written((writer) => writeMediaInformation(writer, 'audio', new Uint8Array(bytes)));
  assert.ok(write(SAMPLE_ENTRY_LIMIT_BYTES)().length > SAMPLE_ENTRY_LIMIT_BYTES);
  assertMediaError(write(SAMPLE_ENTRY_LIMIT_BYTES + 1), 'sample_entry_size');
  assertMediaError(write(7), 'sample_entry_size');
});
