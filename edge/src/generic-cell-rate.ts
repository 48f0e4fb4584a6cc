/** So many a second, and some at once after a time without any (ITU-T I.371, the generic cell rate algorithm). */

export interface CellRate {
  readonly perSecond: number;
  /** so many may come at once */
  readonly burst: number;
}

/** When all that came so far would have come, had it come evenly. */
export interface Bucket {
  dueMs: number;
}

/** Counts one, or one that weighs as much as several, unless that is too many. */
export function take(bucket: Bucket, { perSecond, burst }: CellRate, nowMs: number, weight = 1): boolean {
  const dueMs = Math.max(bucket.dueMs, nowMs) + (weight * 1_000) / perSecond;
  if (dueMs - nowMs > (burst * 1_000) / perSecond) return false;
  bucket.dueMs = dueMs;
  return true;
}
