/**
 * A viewer whom this edge cannot serve, or should not any more, is sent to a peer: the same path there, token and all. Players
 * follow such an answer without a pause, while they stay with an edge that says 5xx, or nothing, for good (decision 23).
 */

import type { Edge } from './edge.ts';
import { isMarked, withMark } from './hand-over-mark.ts';
import * as reply from './reply.ts';
import type { Target } from './target.ts';

/** Why: closed, for the metric. */
export const HAND_OVER_REASONS = ['draining', 'origin-lost', 'deadline', 'overload', 'failure'] as const;
export type HandOverReason = (typeof HAND_OVER_REASONS)[number];

/** Whether this viewer could be sent on. */
export function mayHandOver(edge: Edge, { response }: reply.Exchange, { stream, query }: Target): boolean {
  return !response.headersSent && !isMarked(query) && edge.peers.of(stream) !== null;
}

/**
 * Sends a viewer to a peer.
 * @returns false when there is none, when a peer has sent this viewer here, or when the answer has begun
 */
export function handOver(edge: Edge, exchange: reply.Exchange, target: Target, reason: HandOverReason): boolean {
  const base = edge.peers.of(target.stream);
  if (base === null || !mayHandOver(edge, exchange, target)) return false;
  const location = base + withMark(exchange.request.url ?? '');
  reply.replyRedirect(exchange, location, { edgeId: edge.id, status: 302 });
  edge.events.handedOver(reason);
  edge.events.answered(target.resource.kind, reason === 'draining' ? 'redirected' : 'handed-over', 0);
  return true;
}
