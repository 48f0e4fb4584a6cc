/** What serving pull zones tells of itself: one function per thing that happens. */

import type { Log } from '@headwater/service/log';
import type { Metrics, Series } from '@headwater/service/metrics';

import type { PrefetchResult } from '../prefetch-queue.ts';

/** How a request was answered. `cut`: in the open, because the rest could not be had, or the viewer left. */
const OUTCOMES = ['hit', 'miss', 'joined', 'redirected', 'declined', 'left', 'cut', 'failed'] as const;

export type ZoneOutcome = (typeof OUTCOMES)[number];
export type ZoneEvents = ReturnType<typeof createZoneEvents>;

interface ZoneGauges {
  readonly fetches: () => number;
  readonly bodies: () => number;
  readonly pinnedBytes: () => number;
  readonly tierBytes: () => number;
}

export function createZoneEvents(log: Log, metrics: Metrics) {
  const help = 'Requests for pull zones by how they were answered.';
  const requests = Object.fromEntries(
    OUTCOMES.map((outcome) => [outcome, metrics.counter('headwater_edge_zone_requests_total', help, { outcome })]),
  );
  const sentBytes = metrics.counter(
    'headwater_edge_zone_sent_bytes_total',
    'Body bytes handed to viewers of pull zones.',
  );
  const fetches = metrics.counter('headwater_edge_zone_fetches_total', 'Requests to upstreams of pull zones.');
  const resumed = metrics.counter(
    'headwater_edge_zone_resumed_total',
    'Bodies that broke off and were asked for again.',
  );
  const prefetchHelp = 'Objects fetched because a player named them as its next.';
  const prefetched = (result: PrefetchResult): Series =>
    metrics.counter('headwater_edge_zone_prefetches_total', prefetchHelp, { result });
  const prefetches = { fetched: prefetched('fetched'), failed: prefetched('failed'), dropped: prefetched('dropped') };
  return {
    answered(outcome: ZoneOutcome, bytes: number): void {
      requests[outcome]?.add(1);
      sentBytes.add(bytes);
    },
    fetched: (): void => fetches.add(1),
    resumed: (): void => resumed.add(1),
    prefetchEnded: (result: PrefetchResult): void => prefetches[result].add(1),
    threw(key: string, error: unknown): void {
      log('error', 'zone_threw', {
        key,
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
    },
    gauges(read: ZoneGauges): void {
      metrics.gaugeFrom('headwater_edge_zone_fetches', 'Fetches for pull zones under way.', read.fetches);
      metrics.gaugeFrom('headwater_edge_zone_bodies', 'Bodies of pull zones that are read or filled.', read.bodies);
      metrics.gaugeFrom('headwater_edge_zone_pinned_bytes', 'Memory of those bodies.', read.pinnedBytes);
      metrics.gaugeFrom('headwater_edge_zone_cache_bytes', 'Bytes of pull zones in RAM.', read.tierBytes);
    },
  };
}
