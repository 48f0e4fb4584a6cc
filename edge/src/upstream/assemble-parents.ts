/** What an edge needs to ask other edges, and to be asked by them, tied together. */

import type { FeedState } from '@headwater/protocol/feed-state';
import type { Clock } from '@headwater/service/clock';
import type { Log } from '@headwater/service/log';
import type { Metrics } from '@headwater/service/metrics';
import type { EdgeConfig } from '../config.ts';
import { Passes } from '../passes.ts';
import { PurgeLedger } from '../purge-ledger.ts';
import { Parents } from './parents.ts';
import type { UpstreamEvents } from './upstream-events.ts';
import { createUpstreamEvents } from './upstream-metrics.ts';

export interface Neighbours {
  readonly parents: Parents;
  readonly passes: Passes;
  readonly purges: PurgeLedger;
  readonly upstreamEvents: UpstreamEvents;
}

interface Surroundings {
  readonly clock: Clock;
  readonly feed: FeedState;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** @param ownUrl by which this edge may stand in its own list of parents */
export function assembleParents(
  config: EdgeConfig,
  { clock, feed, log, metrics }: Surroundings,
  ownUrl: string | null,
): Neighbours {
  const passes = new Passes(config.nodeId, feed, clock);
  const purges = new PurgeLedger(clock, feed.lastPurge);
  const events = createUpstreamEvents(log, metrics);
  const parents = new Parents({ parents: config.parents, ownUrl, clock, events, passes, purges });
  return { parents, passes, purges, upstreamEvents: events };
}
