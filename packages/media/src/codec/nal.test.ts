import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hex } from '../../fixtures/box-bytes.ts';
import { assertMediaError } from '../../fixtures/media-error.ts';
import { eachAnnexBNal, eachNal, fromAnnexB, NAL_AUD, NAL_IDR, toAnnexB } from './nal.ts';

function types(data: Uint8Array, each: (visit: (start: number, end: number) => void) => void): number[][] {
  const found: number[][] = [];
  each((start, end) => found.push([(data[start] as number) & 31, end - start]));
  return found;
}

test('units behind lengths of one, two and four bytes', () => {
  for (const [size, data] of [
    [1, hex('02 0910 03 658801')],
    [2, hex('0002 0910 0003 658801')],
    [4, hex('00000002 0910 00000003 658801')],
  ] as const) {
    assert.deepEqual(
      types(data, (visit) => eachNal(data, size, visit)),
      [
        [NAL_AUD, 2],
        [NAL_IDR, 3],
      ],
    );
    assert.deepEqual(toAnnexB(data, size), hex('00000001 0910 00000001 658801'));
  }
});

test('a length that runs over the end, is 0, or is cut short', () => {
  const read = (digits: string) => () => eachNal(hex(digits), 4, () => undefined);
  assertMediaError(read('00000002 0910 00000004 658801'), 'nal_length', 6);
  assertMediaError(read('ffffffff 0910'), 'nal_length', 0);
  assertMediaError(read('00000000'), 'nal_length', 0);
  assertMediaError(read('00000002 0910 000000'), 'nal_length', 6);
  assertMediaError(() => toAnnexB(hex('00000002 09'), 4), 'nal_length', 0);
});

test('units between start codes of three and four bytes, with padding', () => {
  const data = hex('00 000001 0910 0000 00000001 6588 01 000001 41 00000001');
  assert.deepEqual(
    types(data, (visit) => eachAnnexBNal(data, visit)),
    [
      [NAL_AUD, 2],
      [NAL_IDR, 3],
      [1, 1],
    ],
  );
  assert.deepEqual(fromAnnexB(data), hex('00000002 0910 00000003 658801 00000001 41'));
});

test('nothing before a start code, and nothing at all', () => {
  for (const digits of ['', '01', '0001', '6588010000', '000001', '00000001'])
    assert.equal(fromAnnexB(hex(digits)).length, 0);
});

test('the two framings are each other’s inverse', () => {
  const sample = hex('00000002 0910 00000005 6500000301 00000001 41');
  assert.deepEqual(fromAnnexB(toAnnexB(sample, 4)), sample);
});
