/**
 * Whether a slice is fetched for somebody who wants a few bytes of it. What comes beside them is for those who come later; where
 * such requests come in masses it is for nobody, and costs the origin a million times what was asked for. So each zone has so many
 * slices fetched for little, and beyond them who wants little gets just that.
 */

import type { ZoneEntry } from '@headwater/protocol/zone';
import type { Clock } from '@headwater/service/clock';
import { type Bucket, take } from '../generic-cell-rate.ts';
import { SLICE_BYTES } from '../tiers/tier-entry.ts';

/** Of a slice. */
const LITTLE_BYTES = SLICE_BYTES / 16;
/** Slices that are fetched for little. */
export const SLICES_AT_ONCE = 16;
const RATE = { perSecond: 4, burst: SLICES_AT_ONCE };

export class Widening {
  readonly #clock: Clock;
  readonly #byZone = new WeakMap<ZoneEntry, Bucket>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Counts a slice that somebody wants so many bytes of, unless it is one too many. */
  admit(zone: ZoneEntry, wantedBytes: number): boolean {
    if (wantedBytes >= LITTLE_BYTES) return true;
    const bucket = this.#byZone.get(zone) ?? { dueMs: 0 };
    this.#byZone.set(zone, bucket);
    return take(bucket, RATE, this.#clock.monotonicMs());
  }
}
