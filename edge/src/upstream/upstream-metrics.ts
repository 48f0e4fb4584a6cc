/** What the upstream side tells of itself, as metrics and log lines. */

import type { Log } from '@headwater/service/log';
import type { Metrics, Series } from '@headwater/service/metrics';
import { UPSTREAM_ERROR_CODES } from './upstream-error.ts';
import type { TryOutcome, TryReason, UpstreamEvents } from './upstream-events.ts';
import type { TargetKind } from './targets.ts';

const KINDS = ['parent', 'origin'] as const satisfies readonly TargetKind[];
const REASONS = ['first', 'retry', 'hedge'] as const satisfies readonly TryReason[];
const OUTCOMES = ['answered', 'refused', 'outrun', ...UPSTREAM_ERROR_CODES] as const satisfies readonly TryOutcome[];

export function createUpstreamEvents(log: Log, metrics: Metrics): UpstreamEvents {
  const tries = tableOf(REASONS, (reason, target) =>
    metrics.counter('headwater_edge_upstream_tries_total', 'Requests to origins and parents, by why they were made.', {
      target,
      reason,
    }),
  );
  const ends = tableOf(OUTCOMES, (outcome, target) =>
    metrics.counter('headwater_edge_upstream_ends_total', 'Those requests by how they ended.', { target, outcome }),
  );
  const denied = metrics.counter(
    'headwater_edge_upstream_retries_denied_total',
    'Retries that were not made because there were too many.',
  );
  const hedgesWon = metrics.counter('headwater_edge_upstream_hedges_won_total', 'Hedges that answered first.');
  const opened = metrics.counter('headwater_edge_upstream_breakers_opened_total', 'Breakers that opened.');
  return {
    tried: (kind, reason) => tries[kind][reason].add(1),
    tryEnded: (kind, outcome) => ends[kind][outcome].add(1),
    retryDenied: () => denied.add(1),
    hedgeWon: () => hedgesWon.add(1),
    breakerChanged(url, kind, state) {
      if (state === 'open') opened.add(1);
      log(state === 'open' ? 'warn' : 'info', 'upstream_breaker', { url, kind, state });
    },
  };
}

function tableOf<K extends string>(
  keys: readonly K[],
  make: (key: K, kind: TargetKind) => Series,
): Readonly<Record<TargetKind, Readonly<Record<K, Series>>>> {
  const rows = KINDS.map((kind) => [kind, Object.fromEntries(keys.map((key) => [key, make(key, kind)]))]);
  return Object.fromEntries(rows) as Record<TargetKind, Record<K, Series>>;
}
