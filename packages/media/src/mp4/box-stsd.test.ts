import assert from 'node:assert/strict';
import { test } from 'node:test';
import { box, hex, parsed, written } from '../../fixtures/box-bytes.ts';
import { assertMediaError } from '../../fixtures/media-error.ts';
import { parseAudioSpecificConfig } from '../codec/aac.ts';
import { parseAvcConfig } from '../codec/avc.ts';
import {
  parseSampleDescription,
  SAMPLE_ENTRY_LIMIT_BYTES,
  writeAacSampleEntry,
  writeAvcSampleEntry,
  writeSampleDescription,
} from './box-stsd.ts';

const AVC = parseAvcConfig(hex('01 42c01e ff e1 0004 6742c01e 01 0003 68ce38'));
const AAC = parseAudioSpecificConfig(hex('1190'));

function describe(entry: Uint8Array): Uint8Array {
  return written((writer) => writeSampleDescription(writer, entry));
}

test('stsd of avc1 round-trips', () => {
  const sampleEntry = writeAvcSampleEntry(AVC, 640, 360);
  const entry = parsed(describe(sampleEntry), parseSampleDescription);
  assert.deepEqual(entry, {
    kind: 'video',
    codec: 'avc1.42c01e',
    sampleEntry,
    width: 640,
    height: 360,
    avc: entry.kind === 'video' && entry.avc,
  });
  assert.ok(entry.kind === 'video');
  assert.deepEqual(writeAvcSampleEntry(entry.avc, 640, 360), sampleEntry);
});

test('stsd of mp4a round-trips, also at a rate that its 16 bits do not hold', () => {
  for (const asc of ['1190', '1010']) {
    const sampleEntry = writeAacSampleEntry(parseAudioSpecificConfig(hex(asc)));
    const entry = parsed(describe(sampleEntry), parseSampleDescription);
    assert.ok(entry.kind === 'audio');
    assert.deepEqual(entry.sampleEntry, sampleEntry);
    assert.deepEqual(
      [entry.codec, entry.channels, entry.sampleRate],
      ['mp4a.40.2', 2, asc === '1190' ? 48_000 : 96_000],
    );
    assert.deepEqual(writeAacSampleEntry(entry.aac), sampleEntry);
  }
});

test('what is kept is a copy, also out of a Buffer', () => {
  const bytes = Buffer.from(describe(writeAvcSampleEntry(AVC, 640, 360)));
  const entry = parsed(bytes, parseSampleDescription);
  assert.notEqual(entry.sampleEntry.buffer, bytes.buffer);
  assert.ok(entry.kind === 'video');
  assert.equal(entry.avc.sps[0]?.buffer, entry.sampleEntry.buffer);
});

test('avc3 is H.264 with parameter sets in the samples', () => {
  const entry = writeAvcSampleEntry(AVC, 640, 360);
  entry[7] = '3'.charCodeAt(0);
  assert.equal(parsed(describe(entry), parseSampleDescription).codec, 'avc3.42c01e');
});

test('an entry of a codec that we do not read', () => {
  assertMediaError(
    () => parsed(describe(box('hvc1', '00'.repeat(78))), parseSampleDescription),
    'codec_unsupported',
    16,
  );
});

test('there is one entry', () => {
  for (const count of ['00000000', '00000002']) {
    assertMediaError(() => parsed(box('stsd', '00000000', count), parseSampleDescription), 'sample_entry_count', 12);
  }
});

test('an entry has a limit', () => {
  const entry = writeAvcSampleEntry(AVC, 640, 360);
  const padded = (size: number): Uint8Array => {
    return box(
      'stsd',
      '00000000 00000001',
      box('avc1', entry.subarray(8), box('free', new Uint8Array(size - entry.length - 8))),
    );
  };
  const whole = parsed(padded(SAMPLE_ENTRY_LIMIT_BYTES), parseSampleDescription);
  assert.equal(whole.sampleEntry.length, SAMPLE_ENTRY_LIMIT_BYTES);
  assertMediaError(() => parsed(padded(SAMPLE_ENTRY_LIMIT_BYTES + 1), parseSampleDescription), 'sample_entry_size', 16);
});

test('errors of the codec configuration are at their place in the file', () => {
  const video = describe(writeAvcSampleEntry(AVC, 640, 360));
  const record = video.length - 4 - 15 + 1;
  video[record] = 2;
  assertMediaError(() => parsed(video, parseSampleDescription), 'avc_version', record);
  const audio = describe(writeAacSampleEntry({ ...AAC, asc: hex('0190') }));
  assertMediaError(() => parsed(audio, parseSampleDescription), 'audio_unsupported', audio.length - 3 - 2);
});

test('an entry without its configuration, or of QuickTime’s version 1', () => {
  assertMediaError(() => parsed(describe(box('avc1', '00'.repeat(78))), parseSampleDescription), 'box_missing', 16);
  assertMediaError(() => parsed(describe(box('mp4a', '00'.repeat(28))), parseSampleDescription), 'box_missing', 16);
  const version1 = box('mp4a', '00'.repeat(8), '0001', '00'.repeat(18));
  assertMediaError(() => parsed(describe(version1), parseSampleDescription), 'box_version', 32);
});
