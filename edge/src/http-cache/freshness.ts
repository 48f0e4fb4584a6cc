/** How old a stored response is and how long it is fresh (RFC 9111 §4.2). */

import { MAX_DELTA_S } from './delta-seconds.ts';
import { policyOf } from './response-policy.ts';
import type { StoredHead } from './stored-head.ts';

export interface Freshness {
  readonly lifetimeS: number;
  /** the value of Age: whole seconds */
  readonly ageS: number;
  readonly isFresh: boolean;
  /** whole seconds that it stays fresh, below 0 when it is stale: `ttl` of Cache-Status (RFC 9211 §2.4) */
  readonly ttlS: number;
  /** what is left of its lifetime, exactly; 0 or less when it is stale */
  readonly remainingMs: number;
}

/** A clock that was set back makes nothing younger than it was when it came. */
export function freshnessOf(head: StoredHead, nowMs: number): Freshness {
  const { lifetimeMs, initialAgeMs } = policyOf(head);
  const ageMs = initialAgeMs + Math.max(0, nowMs - head.responseMs);
  const remainingMs = lifetimeMs - ageMs;
  return {
    lifetimeS: lifetimeMs / 1000,
    ageS: Math.min(Math.floor(ageMs / 1000), MAX_DELTA_S),
    isFresh: remainingMs > 0,
    ttlS: Math.floor(remainingMs / 1000),
    remainingMs,
  };
}
