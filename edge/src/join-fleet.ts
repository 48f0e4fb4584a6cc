/** An edge's place in the fleet: what it shows of itself at each heartbeat. */

import type { FeedPage } from '@headwater/protocol/feed';
import type { FeedState } from '@headwater/protocol/feed-state';
import type { Clock } from '@headwater/service/clock';
import { startFleetLink } from '@headwater/service/fleet-link';
import type { ProcessLoad } from '@headwater/service/load-meter';
import type { Log } from '@headwater/service/log';
import { describeNode } from '@headwater/service/node-identity';
import type { EdgeConfig } from './config.ts';

/** What an edge reads off itself; the totals are of its whole life. */
export interface Readings {
  readonly busy: () => ProcessLoad;
  readonly connections: () => number;
  readonly sentBytes: () => number;
  readonly answers: () => number;
  readonly failures: () => number;
}

interface Member {
  readonly config: EdgeConfig;
  readonly feed: FeedState;
  readonly clock: Clock;
  readonly log: Log;
  /** where viewers reach it */
  readonly url: string;
  readonly readings: Readings;
  readonly draining: () => boolean;
  readonly onPage: (page: FeedPage) => void | Promise<void>;
  readonly onHeard: () => void;
}

const VERSION = '0.1.0';

/** Joins, and follows the feed until disposed of. */
export function joinFleet({
  config,
  feed,
  clock,
  log,
  url,
  readings,
  draining,
  onPage,
  onHeard,
}: Member): Promise<AsyncDisposable> {
  const egress = rateOf(clock, readings.sentBytes);
  const requests = rateOf(clock, readings.answers);
  const errors = rateOf(clock, readings.failures);
  return startFleetLink({
    controlUrls: config.controlUrls,
    joinToken: config.joinToken,
    stateFile: config.stateFile,
    state: feed,
    clock,
    log,
    node: () => describeNode(config, { role: 'edge', url, version: VERSION }),
    load: () => ({
      ...readings.busy(),
      egressBytesPerSecond: egress(),
      connections: readings.connections(),
      requestsPerSecond: requests(),
      errorsPerSecond: errors(),
    }),
    draining,
    onPage,
    onHeard,
  });
}

/** A reader of how fast a counter grew since its previous reading, per second. */
function rateOf(clock: Clock, total: () => number): () => number {
  let before = { atMs: clock.monotonicMs(), total: total() };
  return () => {
    const now = { atMs: clock.monotonicMs(), total: total() };
    const rate = ((now.total - before.total) * 1000) / Math.max(1, now.atMs - before.atMs);
    before = now;
    return Math.round(rate);
  };
}
