/** What serving pull zones tells of itself: one function per thing that happens. */

import type { Log } from '@headwater/service/log';
import type { Metrics, Series } from '@headwater/service/metrics';
import type { PrefetchResult } from '../prefetch-queue.ts';
import type { Tiers } from '../tiers/tiers.ts';

/** How a request was answered. `cut`: in the open, because the rest could not be had, or the viewer left. */
const OUTCOMES = ['hit', 'miss', 'joined', 'redirected', 'declined', 'left', 'cut', 'failed'] as const;

export type ZoneOutcome = (typeof OUTCOMES)[number];
export type ZoneEvents = ReturnType<typeof createZoneEvents>;

interface ZoneGauges {
  readonly fetches: () => number;
  readonly bodies: () => number;
  readonly pinnedBytes: () => number;
  readonly tiers: Pick<Tiers<never>, 'ram' | 'disk'>;
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
  const askedOfOwner = metrics.counter(
    'headwater_edge_zone_asked_of_owner_total',
    'Requests of a worker to the one that owns what it was asked for.',
  );
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
    askedOfOwner: (): void => askedOfOwner.add(1),
    resumed: (): void => resumed.add(1),
    prefetchEnded: (result: PrefetchResult): void => prefetches[result].add(1),
    threw(key: string, error: unknown): void {
      log('error', 'zone_threw', {
        key,
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
    },
    /** The directory cannot be used: the edge serves from RAM alone. */
    diskLost: (error: unknown): void => log('error', 'zone_disk_lost', { reason: String(error) }),
    /** It is in effect, but after a restart what it was of may be there again. */
    purgeNotNoted: (error: unknown): void => log('error', 'zone_purge_not_noted', { reason: String(error) }),
    gauges(read: ZoneGauges): void {
      metrics.gaugeFrom('headwater_edge_zone_fetches', 'Fetches for pull zones under way.', read.fetches);
      metrics.gaugeFrom('headwater_edge_zone_bodies', 'Bodies of pull zones that are read or filled.', read.bodies);
      metrics.gaugeFrom('headwater_edge_zone_pinned_bytes', 'Memory of those bodies.', read.pinnedBytes);
      exposeTiers(metrics, read.tiers);
    },
  };
}

function exposeTiers(metrics: Metrics, { ram, disk }: ZoneGauges['tiers']): void {
  const gauge = (name: string, help: string, read: () => number): void =>
    metrics.gaugeFrom(`headwater_edge_zone_${name}`, help, read);
  const counter = (name: string, help: string, read: () => number): void =>
    metrics.counterFrom(`headwater_edge_zone_${name}_total`, help, read);
  gauge('cache_bytes', 'Bytes of pull zones in RAM.', () => ram.bytes);
  gauge('cache_records', 'Entries and slices of pull zones in RAM.', () => ram.count);
  counter('cache_refused', 'Records that were not let into RAM for long.', () => ram.refused);
  counter('cache_evicted', 'Records that had to leave RAM for others.', () => ram.evicted);
  if (disk === null) return;
  const { counters } = disk;
  gauge('disk_bytes', 'Bytes of pull zones on disk.', () => disk.usedBytes);
  gauge('disk_objects', 'Entries on disk.', () => disk.entries);
  gauge('disk_index_bytes', 'Memory of the index of what is on disk.', () => disk.indexMemoryBytes);
  gauge('disk_queued_bytes', 'Bytes that wait to be written to disk.', () => disk.queuedBytes);
  counter('disk_hits', 'Records read from disk.', () => counters.hits);
  counter('disk_misses', 'Records asked for that were not on disk.', () => counters.misses);
  counter('disk_written', 'Records written to disk.', () => counters.written);
  counter('disk_dropped', 'Records not written: the disk is slow, full or broken.', () => counters.writesDropped);
  counter('disk_write_errors', 'Writings that failed.', () => counters.writeErrors);
  counter('disk_full_errors', 'Writings that failed for want of space.', () => counters.fullErrors);
  counter('disk_read_errors', 'Readings that failed or came too late.', () => counters.readErrors);
  counter('disk_reads_refused', 'Readings that were one too many at once.', () => counters.readsRefused);
  counter('disk_corrupt', 'Records that were not what had been written.', () => counters.corrupt);
  counter('disk_damaged_volumes', 'Volumes that a start could not trust.', () => counters.damagedVolumes);
}
