import assert from 'node:assert/strict';
import { test } from 'node:test';
import { box, hex, parsed, written } from '../../fixtures/box-bytes.ts';
import { assertMediaError } from '../../fixtures/media-error.ts';
import { ASC_LIMIT_BYTES, parseElementaryStream, writeElementaryStream } from './box-esds.ts';

/** What ffmpeg 5.1 writes for 48 kHz stereo. */
const FFMPEG =
  '00000000 03808080 25 0001 00 04808080 17 40 15 000000 0001f400 0001f400 05808080 05 119056e500 06808080 01 02';

test('esds round-trips', () => {
  const stream = { maxBitrate: 128_000, averageBitrate: 96_000, asc: hex('1190') };
  const bytes = written((writer) => writeElementaryStream(writer, stream));
  const { ascOffset, ...back } = parsed(bytes, parseElementaryStream);
  assert.deepEqual(back, stream);
  assert.deepEqual(bytes.subarray(ascOffset, ascOffset + 2), stream.asc);
});

test('esds with sizes of four bytes', () => {
  const { maxBitrate, asc } = parsed(box('esds', FFMPEG), parseElementaryStream);
  assert.equal(maxBitrate, 128_000);
  assert.deepEqual(asc, hex('119056e500'));
});

test('esds with a dependency, a URL and a clock reference', () => {
  const config = '04 11 40 15 000000 00000000 00000000 05 02 1190';
  const bytes = box('esds', '00000000', '03 1d 0001 e0 0002 02 6162 0003', config);
  assert.deepEqual(parsed(bytes, parseElementaryStream).asc, hex('1190'));
});

test('esds that is not AAC, out of order, or of impossible sizes', () => {
  const read = (digits: string) => () => parsed(box('esds', digits), parseElementaryStream);
  assertMediaError(read(FFMPEG.replace(' 40 15', ' 6b 15')), 'audio_unsupported', 25);
  assertMediaError(read('00000000 04 00'), 'descriptor_tag', 12);
  assertMediaError(read('00000000 03 8080808000'), 'descriptor_size', 12);
  assertMediaError(read('00000000 03 05 0001 00 04'), 'descriptor_size', 12);
  assertMediaError(read('00000000 03 03 0001 00 04 00'), 'truncated');
});

test('an AudioSpecificConfig has a limit', () => {
  const read = (length: number) => {
    const specific = `05 ${size(length)} ${'00'.repeat(length)}`;
    const config = `04 ${size(13 + 3 + length)} 40 15 ${'00'.repeat(11)} ${specific}`;
    return parsed(
      box('esds', '00000000', `03 ${size(3 + 3 + 13 + 3 + length)} 0001 00 ${config}`),
      parseElementaryStream,
    );
  };
  assert.equal(read(ASC_LIMIT_BYTES).asc.length, ASC_LIMIT_BYTES);
  assertMediaError(() => read(ASC_LIMIT_BYTES + 1), 'descriptor_size');
  const asc = new Uint8Array(ASC_LIMIT_BYTES);
  assertMediaError(
    () => written((writer) => writeElementaryStream(writer, { maxBitrate: 0, averageBitrate: 0, asc })),
    'field_range',
  );
});

/** A descriptor size in two bytes. */
function size(value: number): string {
  return Buffer.of(0x80 | (value >> 7), value & 0x7f).toString('hex');
}
