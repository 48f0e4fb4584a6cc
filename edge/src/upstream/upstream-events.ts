/** What the upstream side tells of itself, for metrics: closed sets only, but for a target's URL, which is for the log. */

import type { BreakerState } from './target-health.ts';
import type { TargetKind } from './targets.ts';
import type { UpstreamErrorCode } from './upstream-error.ts';

/** Why a request goes out. */
export type TryReason = 'first' | 'retry' | 'hedge';

/** How it ended: `refused` is a parent that would rather not; `outrun` lost to another that answered first. */
export type TryOutcome = 'answered' | 'refused' | 'outrun' | UpstreamErrorCode;

export interface UpstreamEvents {
  tried(kind: TargetKind, reason: TryReason): void;
  tryEnded(kind: TargetKind, outcome: TryOutcome): void;
  /** a retry that was not made, for there were too many */
  retryDenied(): void;
  hedgeWon(): void;
  breakerChanged(url: string, kind: TargetKind, state: BreakerState): void;
}
