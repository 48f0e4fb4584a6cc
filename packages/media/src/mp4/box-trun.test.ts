import assert from 'node:assert/strict';
import { test } from 'node:test';
import { box, parsed, shortenings, written } from '../../fixtures/box-bytes.ts';
import { assertMediaError } from '../../fixtures/media-error.ts';
import {
  parseTrackRun,
  trackRunBytes,
  TRUN_COMPOSITION,
  TRUN_DATA_OFFSET,
  TRUN_DURATION,
  TRUN_FIRST_SAMPLE_FLAGS,
  TRUN_SAMPLE_FLAGS,
  TRUN_SIZE,
  writeTrackRun,
  type TrackRun,
} from './box-trun.ts';

const DEFAULTS = { durationTicks: 512, sizeBytes: 10, sampleFlags: 0x101_0000 };
const LIMIT = 3;
const FIELDS = [
  TRUN_DATA_OFFSET,
  TRUN_FIRST_SAMPLE_FLAGS,
  TRUN_DURATION,
  TRUN_SIZE,
  TRUN_SAMPLE_FLAGS,
  TRUN_COMPOSITION,
];

/** Three samples in each version and each combination of the six flags, with the defaults where a flag is off. */
function* runs(): Generator<TrackRun> {
  for (let mask = 0; mask < 128; mask += 1) {
    const version = mask >> 6;
    const flags = FIELDS.reduce((sum, flag, index) => ((mask >> index) % 2 === 1 ? sum | flag : sum), 0);
    const has = (flag: number): boolean => (flags & flag) !== 0;
    // §8.8.8.1: the first sample's flags and flags for each sample exclude each other.
    if (has(TRUN_FIRST_SAMPLE_FLAGS) && has(TRUN_SAMPLE_FLAGS)) continue;
    const entries = [0, 1, 2].map((index) => ({
      durationTicks: has(TRUN_DURATION) ? 500 + index : DEFAULTS.durationTicks,
      sizeBytes: has(TRUN_SIZE) ? 1000 + index : DEFAULTS.sizeBytes,
      sampleFlags:
        has(TRUN_SAMPLE_FLAGS) || (has(TRUN_FIRST_SAMPLE_FLAGS) && index === 0)
          ? 0x200_0000 + index
          : DEFAULTS.sampleFlags,
      compositionTicks: has(TRUN_COMPOSITION) ? (version === 0 ? 0xffff_fff0 : -8) + index : 0,
    }));
    yield { version, flags, dataOffset: has(TRUN_DATA_OFFSET) ? -4 : undefined, entries };
  }
}

test('trun round-trips in both versions with every combination of flags, and has the size that it says', () => {
  let count = 0;
  for (const run of runs()) {
    const bytes = written((writer) => writeTrackRun(writer, run));
    assert.deepEqual(
      parsed(bytes, (whole, found) => parseTrackRun(whole, found, DEFAULTS, LIMIT)),
      run,
    );
    assert.equal(bytes.length, trackRunBytes(run.flags, run.entries.length));
    for (const short of shortenings(bytes)) {
      assertMediaError(
        () => parsed(short, (whole, found) => parseTrackRun(whole, found, DEFAULTS, LIMIT)),
        'truncated',
      );
    }
    count += 1;
  }
  assert.equal(count, 96);
});

test('a run has as many samples as there can be, and not one more', () => {
  const run = (count: string): Uint8Array => box('trun', '00 000000', count);
  assert.equal(
    parsed(run('00000003'), (bytes, found) => parseTrackRun(bytes, found, DEFAULTS, LIMIT)).entries.length,
    LIMIT,
  );
  for (const count of ['00000004', 'ffffffff']) {
    assertMediaError(
      () => parsed(run(count), (bytes, found) => parseTrackRun(bytes, found, DEFAULTS, LIMIT)),
      'sample_count',
      12,
    );
  }
});
