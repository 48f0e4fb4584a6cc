import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertRoundTrip, box, parsed, written } from '../../fixtures/box-bytes.ts';
import { assertMediaError } from '../../fixtures/media-error.ts';
import { BRAND_LIMIT, CMAF_HEADER_TYPE, CMAF_SEGMENT_TYPE, parseFileType, writeFileType } from './box-ftyp.ts';

test('ftyp and styp round-trip', () => {
  assertRoundTrip(CMAF_HEADER_TYPE, (writer, value) => writeFileType(writer, 'ftyp', value), parseFileType);
  assertRoundTrip(CMAF_SEGMENT_TYPE, (writer, value) => writeFileType(writer, 'styp', value), parseFileType);
  const most = { majorBrand: 'isom', minorVersion: 512, brands: Array.from({ length: BRAND_LIMIT }, () => 'avc1') };
  assertRoundTrip(most, (writer, value) => writeFileType(writer, 'ftyp', value), parseFileType);
});

test('CMAF headers and segments name their brands', () => {
  const header = written((writer) => writeFileType(writer, 'ftyp', CMAF_HEADER_TYPE));
  assert.deepEqual(header, box('ftyp', Buffer.from('cmf2\0\0\0\0iso6cmfccmf2')));
  const segment = written((writer) => writeFileType(writer, 'styp', CMAF_SEGMENT_TYPE));
  assert.deepEqual(segment, box('styp', Buffer.from('msdh\0\0\0\0msdhcmfs')));
});

test('a brand has four characters', () => {
  const most = { majorBrand: 'iso6', minorVersion: 0, brands: Array.from({ length: BRAND_LIMIT + 1 }, () => 'avc1') };
  assertMediaError(() => written((writer) => writeFileType(writer, 'ftyp', most)), 'field_range');
  for (const brand of ['', 'avc', 'avc1x', 'avc\u0101']) {
    const types = [
      { ...CMAF_HEADER_TYPE, majorBrand: brand },
      { ...CMAF_HEADER_TYPE, brands: [brand] },
    ];
    for (const type of types)
      assertMediaError(() => written((writer) => writeFileType(writer, 'ftyp', type)), 'field_range');
  }
});

test('too many brands, or a piece of one', () => {
  const brands = '61766331'.repeat(BRAND_LIMIT + 1);
  assertMediaError(() => parsed(box('ftyp', '69736f6d 00000000', brands), parseFileType), 'brand_count', 16);
  assertMediaError(() => parsed(box('ftyp', '69736f6d 00000000 6176'), parseFileType), 'truncated', 16);
  assertMediaError(() => parsed(box('ftyp', '69736f6d 0000'), parseFileType), 'truncated', 12);
});
