/** How an answer came about: what Cache-Status (RFC 9211) and the metrics say of it. */

import type { ForwardReason } from '../http-cache/cache-status.ts';
import type { ReuseVerdict } from '../http-cache/reuse.ts';
import type { Seen } from './seen.ts';

export interface Provenance {
  /** why an upstream was asked; null for a hit */
  readonly fwd: ForwardReason | null;
  readonly fwdStatus: number | null;
  readonly isStored: boolean;
  readonly isCollapsed: boolean;
  /** the response is not fresh, and is used all the same */
  readonly isStale: boolean;
  /** Age, where it is known */
  readonly ageS: number;
  /** for a hit: the freshness that is left */
  readonly ttlS: number;
}

/** Of what is given out of the store. */
export function hitOf(reuse: ReuseVerdict): Provenance {
  const isStale = reuse.verdict === 'serve-and-refresh' || reuse.ttlS < 0;
  return {
    fwd: null,
    fwdStatus: null,
    isStored: false,
    isCollapsed: false,
    isStale,
    ageS: reuse.ageS,
    ttlS: reuse.ttlS,
  };
}

/** Of what an upstream was asked for. */
export function missOf(
  { candidates, selected, reuse }: Seen,
  isCollapsed: boolean,
  fwdStatus: number | null,
): Provenance {
  const fresh = candidates.length === 0 ? 'uri-miss' : 'vary-miss';
  const fwd = selected === null || reuse === null ? fresh : reuse.fwd;
  return { fwd, fwdStatus, isStored: false, isCollapsed, isStale: false, ageS: 0, ttlS: 0 };
}
