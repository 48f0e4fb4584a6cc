/**
 * A viewer whom this edge cannot serve, or should not any more, is sent to a peer: the same path there, token and all. Players
 * follow such an answer without a pause, while they stay with an edge that says 5xx, or nothing, for good (decision 23).
 */

import type { Edge } from './edge.ts';
import * as reply from './reply.ts';
import type { Target } from './target.ts';

/** Why: closed, for the metric. */
export const HAND_OVER_REASONS = ['draining', 'origin-lost', 'deadline', 'overload', 'failure'] as const;
export type HandOverReason = (typeof HAND_OVER_REASONS)[number];

/** In the query of whoever was sent here by a peer: it is not sent on again, whatever happens. Never in a name in the cache. */
const MARK = 'hwpeer';
const MARKED = new RegExp(`(?:^|&)${MARK}(?:[=&]|$)`);

/** Whether this viewer could be sent on. */
export function mayHandOver(edge: Edge, { response }: reply.Exchange, { stream, query }: Target): boolean {
  return !response.headersSent && !MARKED.test(query) && edge.peers.of(stream) !== null;
}

/**
 * Sends a viewer to a peer.
 * @returns false when there is none, when a peer has sent this viewer here, or when the answer has begun
 */
export function handOver(edge: Edge, exchange: reply.Exchange, target: Target, reason: HandOverReason): boolean {
  const base = edge.peers.of(target.stream);
  if (base === null || !mayHandOver(edge, exchange, target)) return false;
  const path = exchange.request.url ?? '';
  reply.replyRedirect(exchange, `${base}${path}${path.includes('?') ? '&' : '?'}${MARK}=1`, {
    edgeId: edge.id,
    status: 302,
  });
  edge.events.handedOver(reason);
  edge.events.answered(target.resource.kind, reason === 'draining' ? 'redirected' : 'handed-over', 0);
  return true;
}
