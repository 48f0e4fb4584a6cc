/** avcC. */
import { isDeepStrictEqual } from 'node:util';
import { avcCodecString, parseAvcConfig, writeAvcConfig, type AvcConfig } from '../../src/codec/avc.ts';
import type { FuzzTarget } from '../target.ts';

function run(input: Uint8Array): boolean {
  const first = parseAvcConfig(input);
  if (!/^avc[13]\.[0-9a-f]{6}$/.test(avcCodecString(first))) throw new Error(avcCodecString(first));
  if (!isDeepStrictEqual(parseAvcConfig(writeAvcConfig(first)), first)) throw new Error('the round trip changed it');
  return true;
}

const SPS = Uint8Array.of(0x67, 0x42, 0xc0, 30, 0xd9, 0);
const PPS = Uint8Array.of(0x68, 0xce, 0x38);
const BASELINE: AvcConfig = { profile: 0x42, compatibility: 0xc0, level: 30, lengthSize: 4, sps: [SPS], pps: [PPS] };

export const target: FuzzTarget = {
  name: 'avc-config',
  files: ['codec/avc.ts'],
  shape: 'bytes',
  seeds: [
    writeAvcConfig(BASELINE),
    writeAvcConfig({ ...BASELINE, profile: 100, lengthSize: 1, sps: [SPS, SPS], pps: [PPS, PPS] }),
    writeAvcConfig({
      ...BASELINE,
      profile: 110,
      lengthSize: 2,
      high: { chromaFormat: 1, bitDepthLuma: 10, bitDepthChroma: 10, spsExt: [PPS] },
    }),
  ],
  run,
};
