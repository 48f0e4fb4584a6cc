import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertRoundTrip, parsed, written } from '../../fixtures/box-bytes.ts';
import { assertMediaError } from '../../fixtures/media-error.ts';
import { movieFragmentBytes, parseMovieFragment, writeMovieFragment, type MovieFragment } from './box-moof.ts';

const NO_DEFAULTS = { durationTicks: 0, sizeBytes: 0, sampleFlags: 0 };
const HEADER = {
  trackId: 1,
  baseDataOffset: undefined,
  sampleDescriptionIndex: undefined,
  durationTicks: 512,
  sizeBytes: undefined,
  sampleFlags: undefined,
  durationIsEmpty: false,
  baseIsMoof: true,
};
const ENTRY = { durationTicks: 512, sizeBytes: 9, sampleFlags: 7, compositionTicks: -3 };
const MOVIE: MovieFragment = {
  sequence: 3,
  tracks: [
    { header: HEADER, decodeTicks: 2 ** 40, runs: [] },
    {
      header: { ...HEADER, trackId: 2, sampleFlags: 7 },
      decodeTicks: 0,
      runs: [
        { version: 1, flags: 0xa01, dataOffset: 100, entries: [ENTRY, ENTRY] },
        { version: 0, flags: 0x200, dataOffset: undefined, entries: [{ ...ENTRY, compositionTicks: 0 }] },
      ],
    },
  ],
};

test('moof with several tracks and runs round-trips, and has the size that it says', () => {
  assertRoundTrip(MOVIE, writeMovieFragment, (bytes, found) =>
    parseMovieFragment(bytes, found, { defaults: NO_DEFAULTS, mediaBytes: 100 }),
  );
  assert.equal(written((writer) => writeMovieFragment(writer, MOVIE)).length, movieFragmentBytes(MOVIE));
});

test('defaults of the header stand in where neither run nor traf says anything', () => {
  const bare: MovieFragment = {
    sequence: 1,
    tracks: [
      {
        header: { ...HEADER, durationTicks: undefined },
        decodeTicks: 0,
        runs: [{ version: 0, flags: 0, dataOffset: undefined, entries: [ENTRY] }],
      },
    ],
  };
  const bytes = written((writer) => writeMovieFragment(writer, bare));
  const defaults = { durationTicks: 1024, sizeBytes: 5, sampleFlags: 6 };
  const back = parsed(bytes, (whole, found) => parseMovieFragment(whole, found, { defaults, mediaBytes: 1 }));
  assert.deepEqual(back.tracks[0]?.runs[0]?.entries, [{ ...defaults, compositionTicks: 0 }]);
});

test('samples of all tracks together are no more than the bytes of the mdat', () => {
  const [, track] = MOVIE.tracks;
  assert.ok(track !== undefined);
  const movie = { ...MOVIE, tracks: [{ ...track, header: HEADER }, track] };
  const read = (mediaBytes: number) => () =>
    parsed(
      written((writer) => writeMovieFragment(writer, movie)),
      (bytes, found) => parseMovieFragment(bytes, found, { defaults: NO_DEFAULTS, mediaBytes }),
    );
  assert.equal(read(6)().tracks.length, 2);
  assertMediaError(read(5), 'sample_count');
});
