import { test } from 'node:test';
import { assertRoundTrip, box, parsed } from '../../fixtures/box-bytes.ts';
import { assertMediaError } from '../../fixtures/media-error.ts';
import { BRAND_LIMIT, CMAF_HEADER_TYPE, CMAF_SEGMENT_TYPE, parseFileType, writeFileType } from './box-ftyp.ts';

test('ftyp and styp round-trip', () => {
  assertRoundTrip(CMAF_HEADER_TYPE, (writer, value) => writeFileType(writer, 'ftyp', value), parseFileType);
  assertRoundTrip(CMAF_SEGMENT_TYPE, (writer, value) => writeFileType(writer, 'styp', value), parseFileType);
  const most = { majorBrand: 'isom', minorVersion: 512, brands: Array.from({ length: BRAND_LIMIT }, () => 'avc1') };
  assertRoundTrip(most, (writer, value) => writeFileType(writer, 'ftyp', value), parseFileType);
});

test('too many brands, or a piece of one', () => {
  const brands = '61766331'.repeat(BRAND_LIMIT + 1);
  assertMediaError(() => parsed(box('ftyp', '69736f6d 00000000', brands), parseFileType), 'brand_count', 16);
  assertMediaError(() => parsed(box('ftyp', '69736f6d 00000000 6176'), parseFileType), 'truncated', 16);
  assertMediaError(() => parsed(box('ftyp', '69736f6d 0000'), parseFileType), 'truncated', 12);
});
