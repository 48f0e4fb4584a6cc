/** What an edge tells of what it gives to other edges. */

import type { ProblemCode } from '@headwater/protocol/problem';
import type { Log } from '@headwater/service/log';
import type { Metrics } from '@headwater/service/metrics';

export type DeliveryEvents = ReturnType<typeof createDeliveryEvents>;

export function createDeliveryEvents(log: Log, metrics: Metrics) {
  const help = 'Answers to other edges.';
  const delivered = {
    timeline: metrics.counter('headwater_edge_delivered_total', help, { kind: 'timeline' }),
    object: metrics.counter('headwater_edge_delivered_total', help, { kind: 'object' }),
    /** a segment while it grows */
    growing: metrics.counter('headwater_edge_delivered_total', help, { kind: 'growing' }),
  };
  const sentBytes = metrics.counter('headwater_edge_delivered_bytes_total', 'Body bytes handed to other edges.');
  const refused = metrics.counter(
    'headwater_edge_deliveries_refused_total',
    'Requests of other edges that were answered with a problem.',
  );
  return {
    delivered(kind: keyof typeof delivered, bytes: number): void {
      delivered[kind].add(1);
      sentBytes.add(bytes);
    },
    refused(code: ProblemCode): void {
      refused.add(1);
      if (code === 'purge_pending') log('warn', 'delivery_refused', { code });
    },
  };
}
