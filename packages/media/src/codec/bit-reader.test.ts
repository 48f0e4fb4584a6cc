import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertMediaError } from '../../fixtures/media-error.ts';
import { BitReader } from './bit-reader.ts';

test('fields of up to 32 bits, over the borders of bytes', () => {
  const reader = new BitReader(Uint8Array.of(0b1010_0111, 0xff, 0xff, 0xff, 0xff, 0x80));
  assert.equal(reader.bits(3), 5);
  assert.equal(reader.flag(), false);
  assert.equal(reader.bits(0), 0);
  assert.equal(reader.bits(32), 0x7fff_ffff);
  assert.deepEqual([reader.byteOffset, reader.bitsLeft], [4, 12]);
});

test('Exp-Golomb codes, as in tables 9-2 and 9-3', () => {
  // 1 010 011 00100 00101 00110 00111
  const bytes = Uint8Array.of(0b1010_0110, 0b0100_0010, 0b1001_1000, 0b1110_0000);
  const unsigned = new BitReader(bytes);
  const signed = new BitReader(bytes);
  const codes = [0, 1, 2, 3, 4, 5, 6];
  assert.deepEqual(
    codes.map(() => unsigned.ue()),
    codes,
  );
  assert.deepEqual(
    codes.map(() => signed.se() + 0),
    [0, 1, -1, 2, -2, 3, -3],
  );
});

test('the longest code has 31 zeros, and a longer one is refused', () => {
  assert.equal(new BitReader(Uint8Array.of(0, 0, 0, 1, 0xff, 0xff, 0xff, 0xfe)).ue(), 2 ** 32 - 2);
  assertMediaError(() => new BitReader(Uint8Array.of(0, 0, 0, 0, 0x80, 0, 0, 0, 0)).ue(), 'exp_golomb', 4);
});

test('a read past the end says at which byte', () => {
  const reader = new BitReader(Uint8Array.of(1, 2));
  reader.bits(9);
  assertMediaError(() => reader.bits(8), 'truncated', 1);
  assert.equal(reader.bits(7), 2);
});
