/** What a node tells of its workers. */

import type { Log } from '@headwater/service/log';
import type { Metrics } from '@headwater/service/metrics';

export type NodeEvents = ReturnType<typeof createNodeEvents>;

/** Counted in the metrics of the node's own process, and written to its log. */
export function createNodeEvents(log: Log, metrics: Metrics) {
  const ended = metrics.counter('headwater_edge_workers_ended_total', 'Workers that died and were replaced.');
  return {
    workerEnded(worker: number, how: string): void {
      ended.add(1);
      log('error', 'worker_ended', { worker, how });
    },
    workerServes: (worker: number): void => log('info', 'worker_serves', { worker }),
  };
}
