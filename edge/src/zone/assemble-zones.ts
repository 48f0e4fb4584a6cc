/** Everything that serves pull zones, tied together. */

import type { FeedPage } from '@headwater/protocol/feed';
import type { FeedState } from '@headwater/protocol/feed-state';
import { zoneTag } from '@headwater/protocol/purge-scope';
import type { Clock } from '@headwater/service/clock';
import type { Log } from '@headwater/service/log';
import type { Metrics } from '@headwater/service/metrics';
import type { EdgeConfig } from '../config.ts';
import { Tiers } from '../tiers/tiers.ts';
import { HTTP_CLIENT_LIMITS } from '../upstream/http-client.ts';
import { UpstreamClient } from '../upstream/upstream-client.ts';
import { createUpstreamEvents } from '../upstream/upstream-metrics.ts';
import type { Waiters } from '../waiters.ts';
import type { Entry } from './entry.ts';
import type { Fetching } from './fetching.ts';
import { MemoryBudget } from './memory-budget.ts';
import { NamedNext } from './named-next.ts';
import { PurgeRules } from './purge-rules.ts';
import type { ZoneEdge } from './serve-zone.ts';
import { Shelf } from './shelf.ts';
import { ZoneDesk } from './zone-desk.ts';
import { createZoneEvents } from './zone-events.ts';
import { ZoneTable } from './zone-table.ts';

interface Surroundings {
  readonly clock: Clock;
  readonly feed: FeedState;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly waiters: Waiters;
  readonly scheme: 'http' | 'https';
  /** RAM that our own streams hold at this moment */
  readonly ramInUseBytes: () => number;
}

export interface Zones {
  readonly table: ZoneTable;
  readonly edge: ZoneEdge;
  /** Carries out what a page of the feed orders. */
  purgeAfter(page: FeedPage): void;
  close(): void;
}

export function assembleZones(config: EdgeConfig, around: Surroundings): Zones {
  const { limits } = config;
  const { clock, feed, log, metrics, waiters, scheme } = around;
  const events = createZoneEvents(log, metrics);
  const purges = new PurgeRules();
  const budget = new MemoryBudget(limits.fillBytes);
  const tiers = new Tiers<Entry>({
    ramBytes: limits.ramBytes,
    ramLimitBytes: () => Math.max(0, limits.ramBytes - around.ramInUseBytes()),
    seed: Math.floor(Math.random() * 2 ** 32),
  });
  const upstream = new UpstreamClient({
    nodeId: config.nodeId,
    ownUrl: config.publicUrl,
    parents: config.parents,
    limits: HTTP_CLIENT_LIMITS,
    clock,
    events: createUpstreamEvents(log, metrics),
  });
  const shelf = new Shelf({
    store: tiers,
    purges,
    budget,
    pinLimitBytes: limits.objectBytes,
    aloneMs: limits.fillDeadlineMs,
  });
  const fetching: Fetching = {
    upstream,
    shelf,
    clock,
    random: Math.random,
    objectLimitBytes: limits.objectBytes,
    onFetch: events.fetched,
    onResumed: events.resumed,
    onThrown: (key, error) => events.threw(key, error),
  };
  const desk = new ZoneDesk(fetching, limits.fills);
  const namedNext = new NamedNext({
    desk,
    limit: limits.prefetches,
    withinMs: limits.deadlineMs,
    onEnded: events.prefetchEnded,
  });
  events.gauges({
    fetches: () => desk.running,
    bodies: () => shelf.openBodies,
    pinnedBytes: () => budget.heldBytes,
    tierBytes: () => tiers.ramBytes,
  });
  return {
    table: new ZoneTable(feed, config.zones),
    edge: {
      id: config.nodeId,
      scheme,
      desk,
      shelf,
      namedNext,
      upstream,
      clock,
      waiters,
      events,
      deadlineMs: limits.deadlineMs,
    },
    purgeAfter: (page) => takeOrders(purges, page),
    close() {
      namedNext.stop();
      upstream.close();
    },
  };
}

function takeOrders(purges: PurgeRules, { snapshot, messages }: FeedPage): void {
  // Who gets a snapshot was away for longer than the log reaches back: it may have missed any order.
  if (snapshot) purges.order({ all: true, soft: false });
  for (const message of messages) {
    if (message.type === 'purge') purges.order(message.purge);
    // Its name may be given anew, to another origin.
    if (message.type === 'zone-removed') purges.order({ tag: zoneTag(message.name), soft: false });
  }
}
