/** Reads the test picture's clock bar out of a decoded frame. */

import { CLOCK_BAR } from '@headwater/cli/src/test-picture.ts';

/** A frame in 8-bit gray, rows from the top. */
export interface GrayFrame {
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint8Array;
}

/** The width that the bar's coordinates are given in. */
const DRAWN_WIDTH = 1280;
const MODULUS = 2 ** CLOCK_BAR.bits;

/**
 * The wall clock that is burnt in, in ms modulo 2³², or null when a cell is neither black nor white: the frame shows
 * something else, or was damaged.
 */
export function readClockBar(frame: GrayFrame): number | null {
  const scale = frame.width / DRAWN_WIDTH;
  let value = 0;
  for (let bit = 0; bit < CLOCK_BAR.bits; bit += 1) {
    const x = Math.floor((CLOCK_BAR.x + (bit + 0.5) * CLOCK_BAR.cellPixels) * scale);
    const y = Math.floor((CLOCK_BAR.y + CLOCK_BAR.cellPixels / 2) * scale);
    const gray = frame.pixels[y * frame.width + x] ?? 128;
    if (gray > 90 && gray < 165) return null;
    value = value * 2 + (gray >= 165 ? 1 : 0);
  }
  return value;
}

/** How long after the burnt-in clock `atMs` (Unix time) is; negative when the clock is ahead. */
export function sinceClockBar(clock: number, atMs: number): number {
  const difference = (((Math.floor(atMs) - clock) % MODULUS) + MODULUS) % MODULUS;
  return difference < MODULUS / 2 ? difference : difference - MODULUS;
}
