/** Delays between tries: exponential with full jitter, bounded. */
export interface BackoffOptions {
  readonly firstMs: number;
  readonly maxMs: number;
  /** uniform in [0, 1) */
  readonly random: () => number;
}

/**
 * The delay before try `attempt` (0 for the first repeat): uniform between half and all of `firstMs × 2^attempt`, at most
 * `maxMs`. Half, not zero, so that a fleet spreads out without anybody hammering.
 */
export function backoffMs(attempt: number, options: BackoffOptions): number {
  const ceilingMs = Math.min(options.maxMs, options.firstMs * 2 ** Math.min(attempt, 30));
  return ceilingMs / 2 + (options.random() * ceilingMs) / 2;
}
