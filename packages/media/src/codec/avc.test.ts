import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hex } from '../../fixtures/box-bytes.ts';
import { assertMediaError } from '../../fixtures/media-error.ts';
import { avcCodecString, parseAvcConfig, writeAvcConfig, type AvcConfig } from './avc.ts';

const BASELINE: AvcConfig = {
  profile: 0x42,
  compatibility: 0xc0,
  level: 30,
  lengthSize: 4,
  sps: [hex('6742c01e')],
  pps: [hex('68ce38'), hex('68ce39')],
};
const HIGH: AvcConfig = {
  ...BASELINE,
  profile: 100,
  compatibility: 0,
  lengthSize: 2,
  high: { chromaFormat: 1, bitDepthLuma: 8, bitDepthChroma: 10, spsExt: [hex('6d80')] },
};

test('avcC round-trips', () => {
  for (const config of [BASELINE, HIGH, { ...BASELINE, lengthSize: 1, sps: [], pps: [] }]) {
    assert.deepEqual(parseAvcConfig(writeAvcConfig(config)), config);
  }
});

test('avcC of the high profile without its last fields, as some writers leave it', () => {
  assert.equal(parseAvcConfig(hex('01 640028 ff e0 00')).high, undefined);
});

test('avcC cut short', () => {
  const bytes = writeAvcConfig(BASELINE);
  for (let length = 0; length < bytes.length; length += 1) {
    assertMediaError(() => parseAvcConfig(bytes.subarray(0, length)), 'truncated');
  }
});

test('avcC of another version, or with lengths of three bytes', () => {
  assertMediaError(() => parseAvcConfig(hex('02 42c01e ff e0 00')), 'avc_version', 0);
  assertMediaError(() => parseAvcConfig(hex('01 42c01e fe e0 00')), 'avc_length_size', 4);
});

test('avcC that cannot be written', () => {
  const sps = Array.from({ length: 32 }, () => hex('67'));
  assertMediaError(() => writeAvcConfig({ ...BASELINE, sps }), 'field_range');
  assertMediaError(() => writeAvcConfig({ ...BASELINE, level: 256 }), 'field_range');
  assertMediaError(() => avcCodecString({ ...BASELINE, level: 256 }), 'field_range');
  for (const lengthSize of [0, 1.5, 3, 5, 261, Number.NaN]) {
    assertMediaError(() => writeAvcConfig({ ...BASELINE, lengthSize }), 'avc_length_size');
  }
  const high = { chromaFormat: 1, bitDepthLuma: 8, bitDepthChroma: 8, spsExt: [] };
  assertMediaError(() => writeAvcConfig({ ...BASELINE, high }), 'field_range');
  for (const change of [
    { chromaFormat: 4 },
    { chromaFormat: -1 },
    { bitDepthLuma: 7 },
    { bitDepthLuma: 16 },
    { bitDepthChroma: 7 },
    { bitDepthChroma: 8.5 },
    { spsExt: Array.from({ length: 256 }, () => hex('6d')) },
  ]) {
    assertMediaError(() => writeAvcConfig({ ...HIGH, high: { ...high, ...change } }), 'field_range');
  }
  assertMediaError(() => writeAvcConfig({ ...BASELINE, pps: [new Uint8Array(65_536)] }), 'field_range');
});

test('the codec string is in lower-case hexadecimal, two digits each', () => {
  assert.equal(avcCodecString(BASELINE), 'avc1.42c01e');
  assert.equal(avcCodecString(HIGH, 'avc3'), 'avc3.64001e');
});
