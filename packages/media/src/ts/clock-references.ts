/** Where clock references stand alone (ISO/IEC 13818-1 §2.7.2: at most 100 ms apart). */

import { CLOCK_HZ } from './clock.ts';

/** The furthest that two may be apart. */
export const MAX_INTERVAL_TICKS = CLOCK_HZ / 10;
/** Nobody waits for longer over a hole in the media: it is not bridged. */
export const MAX_BRIDGED_TICKS = 10 * CLOCK_HZ;

/**
 * Times between those of the PES packets that carry the clock, wherever these are further apart than clock references may be.
 *
 * @param unitTicks decode times, not falling
 * @param endTicks the next segment's first: its own clock goes on from here
 */
export function* bridgeTimes(unitTicks: readonly number[], endTicks: number): Generator<number> {
  for (const [index, ticks] of unitTicks.entries()) {
    const gap = (unitTicks[index + 1] ?? endTicks) - ticks;
    if (gap > MAX_BRIDGED_TICKS) continue;
    const steps = Math.ceil(gap / MAX_INTERVAL_TICKS);
    for (let step = 1; step < steps; step += 1) yield ticks + Math.floor((gap * step) / steps);
  }
}
