/** Sequence parameter sets, rewritten with all that they need not say drawn anew. */
import { isDeepStrictEqual } from 'node:util';
import { writeSps } from '../../fixtures/sps.ts';
import { parseSps, SPS_SIZE_LIMIT_PIXELS, type AvcSps } from '../../src/codec/avc-sps.ts';
import { hashOf, Random } from '../random.ts';
import { spsSaying } from '../sps-saying.ts';
import { mustRead } from '../must-read.ts';
import type { FuzzTarget } from '../target.ts';

function run(input: Uint8Array): boolean {
  const said = parseSps(input);
  const { width, height, frameRate = [1, 1], reorderFrames } = said;
  const inRange = Math.min(width, height) > 0 && Math.max(width, height) <= SPS_SIZE_LIMIT_PIXELS;
  if (!inRange || Math.min(...frameRate) < 1 || reorderFrames < 0 || reorderFrames > 16) {
    throw new Error(`${width} × ${height} at ${frameRate.join('/')}, ${reorderFrames} reordered`);
  }
  const seed = hashOf(input);
  if (seed % REWRITTEN_ONE_IN !== 0) return false;
  const random = new Random(seed);
  const fields = spsSaying(said, random);
  const back = mustRead(() => parseSps(writeSps(fields)));
  if (!isDeepStrictEqual(back, said)) {
    throw new Error(`${JSON.stringify(said)} became ${JSON.stringify(back)} by ${JSON.stringify(fields)}`);
  }
  return true;
}

/** Drawing one takes five times as long as reading it. */
const REWRITTEN_ONE_IN = 4;

const PROFILES = [66, 77, 88, 100, 110, 122, 244, 44, 118];
const SEEDS_PER_PROFILE = 4;

/** Small ones and large ones, with a rate and without. */
function seeds(): Uint8Array[] {
  const random = new Random(1);
  return PROFILES.flatMap((profile) =>
    Array.from({ length: SEEDS_PER_PROFILE }, (_, index) => {
      const said: AvcSps = {
        profile,
        compatibility: random.below(256),
        level: random.below(64),
        width: random.pick([16, 320, 1918, 16_888]),
        height: random.pick([16, 180, 1080, 16_888]),
        ...(index % 2 === 0 && {
          frameRate: random.pick([
            [30, 1],
            [30_000, 1001],
            [50, 1],
          ] as const),
        }),
        reorderFrames: profile === 66 ? 0 : random.below(5),
      };
      return writeSps(spsSaying(said, random));
    }),
  );
}

export const target: FuzzTarget = {
  name: 'avc-sps',
  files: ['codec/avc-sps.ts', 'codec/bit-reader.ts'],
  shape: 'bytes',
  seeds: seeds(),
  run,
};
