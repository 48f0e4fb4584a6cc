import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from './crc32.ts';

test('the check value of CRC-32/MPEG-2', () => {
  assert.equal(crc32(new TextEncoder().encode('123456789')), 0x0376_e6e7);
});

test('a section with its CRC behind it gives 0', () => {
  const section = Uint8Array.of(0, 0xb0, 13, 0, 1, 0xc1, 0, 0, 0, 1, 0xf0, 0, 0, 0, 0, 0);
  new DataView(section.buffer).setUint32(12, crc32(section.subarray(0, 12)));
  assert.equal(crc32(section), 0);
});
