/** Sequence parameter sets. */
import { parseSps, SPS_SIZE_LIMIT_PIXELS } from '../../src/codec/avc-sps.ts';
import type { FuzzTarget } from '../target.ts';

function run(input: Uint8Array): boolean {
  const { width, height, frameRate = [1, 1], reorderFrames } = parseSps(input);
  const inRange = Math.min(width, height) > 0 && Math.max(width, height) <= SPS_SIZE_LIMIT_PIXELS;
  if (!inRange || Math.min(...frameRate) < 1 || reorderFrames < 0 || reorderFrames > 16) {
    throw new Error(`${width} × ${height} at ${frameRate.join('/')}, ${reorderFrames} reordered`);
  }
  return false;
}

/** Fields as bits: numbers are Exp-Golomb codes, strings are bits. */
function sps(profile: number, ...fields: (number | string)[]): Uint8Array {
  const bits = fields.map((field) => (typeof field === 'string' ? field : golomb(field))).join('');
  const padded = `${bits}1`.padEnd(Math.ceil((bits.length + 1) / 8) * 8, '0');
  const bytes = Array.from({ length: padded.length / 8 }, (_, index) =>
    parseInt(padded.slice(index * 8, index * 8 + 8), 2),
  );
  return Uint8Array.of(0x67, profile, 0, 30, ...bytes);
}

function golomb(value: number): string {
  const code = (value + 1).toString(2);
  return '0'.repeat(code.length - 1) + code;
}

const SMALL = [3, '0', 3, 2, '1', '0'];
const WORD_ODD = '01'.repeat(16);
const VIDEO_SIGNAL = ['1', '11111111', WORD_ODD, '11', '1', '1010', '1', '01'.repeat(12), '1', 0, 0];
const HRD = ['1', 1, '01010101', 5, 6, '0', 7, 8, '1', '01'.repeat(10)];
const RESTRICTIONS = ['1', '1', 2, 1, 10, 10, 2, 4];

export const target: FuzzTarget = {
  name: 'avc-sps',
  files: ['codec/avc-sps.ts', 'codec/bit-reader.ts'],
  shape: 'bytes',
  seeds: [
    sps(66, 0, 0, 2, ...SMALL, '0', '0'),
    sps(77, 0, 0, 1, '1', 2, 3, 2, 1, 2, 3, '0', 3, 2, '0', '1', '1', '1', 1, 1, 1, 1, '0'),
    sps(100, 0, 1, 0, 0, '0', '1', '1', golomb(16), '1', '1'.repeat(16), '0'.repeat(6), 0, 0, 0, ...SMALL, '0', '0'),
    sps(244, 0, 3, '1', 2, 2, '0', '1', '0'.repeat(12), 0, 0, 0, ...SMALL, '1', 1, 1, 1, 1, '0'),
    sps(122, 0, 2, 2, 2, '0', '0', 0, 0, 0, ...SMALL, '1', 1, 1, 1, 1, '0'),
    sps(
      77,
      0,
      0,
      0,
      4,
      ...SMALL,
      '0',
      '1',
      ...VIDEO_SIGNAL,
      '1',
      WORD_ODD,
      WORD_ODD,
      '1',
      ...HRD,
      ...HRD,
      '0',
      '1',
      ...RESTRICTIONS,
    ),
    sps(77, 0, 0, 0, 4, ...SMALL, '0', '1', '0000', '0', '00', '0', ...RESTRICTIONS),
  ],
  run,
};
