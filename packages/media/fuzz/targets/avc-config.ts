/** avcC. */
import { isDeepStrictEqual } from 'node:util';
import { avcCodecString, parseAvcConfig, writeAvcConfig, type AvcConfig } from '../../src/codec/avc.ts';
import { MediaError } from '../../src/media-error.ts';
import { mustRead } from '../must-read.ts';
import type { FuzzTarget } from '../target.ts';

function run(input: Uint8Array): boolean {
  const first = parseAvcConfig(input);
  if (!/^avc[13]\.[0-9a-f]{6}$/.test(avcCodecString(first))) throw new Error(avcCodecString(first));
  const again = mustRead(() => parseAvcConfig(writeAvcConfig(first)));
  if (!isDeepStrictEqual(again, first)) throw new Error('the round trip changed it');
  checkBent(first, input.length);
  return true;
}

/** A configuration that no record may hold is refused, or is one that a record holds. */
function checkBent(config: AvcConfig, size: number): void {
  const bent: AvcConfig = {
    ...config,
    lengthSize: size % 7,
    high: { chromaFormat: size % 5, bitDepthLuma: 6 + (size % 11), bitDepthChroma: 8 + (size % 9), spsExt: [] },
  };
  let record: Uint8Array;
  try {
    record = writeAvcConfig(bent);
  } catch (error) {
    if (error instanceof MediaError) return;
    throw error;
  }
  if (
    !isDeepStrictEqual(
      mustRead(() => parseAvcConfig(record)),
      bent,
    )
  )
    throw new Error('a value was written that its field cannot hold');
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
