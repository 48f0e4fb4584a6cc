/** At which rate a stream's pictures come out: the usual one nearest to what the publisher says of itself. */

import type { FrameRate } from '../live/part-grid.ts';

const FRAME_RATES: readonly FrameRate[] = [
  [1, 1],
  [2, 1],
  [3, 1],
  [4, 1],
  [5, 1],
  [6, 1],
  [7, 1],
  [15, 2],
  [8, 1],
  [9, 1],
  [10, 1],
  [12, 1],
  [15, 1],
  [20, 1],
  [24_000, 1001],
  [24, 1],
  [25, 1],
  [30_000, 1001],
  [30, 1],
  [48, 1],
  [50, 1],
  [60_000, 1001],
  [60, 1],
];
const DEFAULT_FRAME_RATE: FrameRate = [30, 1];

/** The usual rate nearest to what was announced, from one frame a second to 60; what is no rate counts as none. */
export function standardFrameRate(announced: number | null): FrameRate {
  if (announced === null || !Number.isFinite(announced) || announced <= 0) return DEFAULT_FRAME_RATE;
  return FRAME_RATES.reduce((best, rate) =>
    Math.abs(perSecond(rate) - announced) < Math.abs(perSecond(best) - announced) ? rate : best,
  );
}

/** Below this an announcement is held against the frames that came. */
const FEW_PER_SECOND = 10;

/**
 * The first announcement that the publisher's own frames do not give the lie: some encoders announce what they like, and a
 * rate that is far too low would lose most of the pictures.
 * @param ptsMs of the frames that have come
 */
export function believedFrameRate(
  announcements: readonly (number | boolean | null | undefined)[],
  ptsMs: readonly number[],
): number | null {
  const closestMs = closest(ptsMs);
  for (const announced of announcements) {
    if (typeof announced !== 'number' || !(announced > 0)) continue;
    if (announced >= FEW_PER_SECOND || closestMs >= 500 / announced) return announced;
  }
  return null;
}

function closest(ptsMs: readonly number[]): number {
  const sorted = [...ptsMs].sort((a, b) => a - b);
  return Math.min(...sorted.slice(1).map((timeMs, index) => timeMs - (sorted[index] as number)));
}

function perSecond([numerator, denominator]: FrameRate): number {
  return numerator / denominator;
}
