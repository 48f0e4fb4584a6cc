/** What every branch of serving ends in: a wait that is bounded, or an error. */

import type { ProblemCode } from '@headwater/protocol/problem';
import type { Edge } from './edge.ts';
import { outcomeOf, softenForMedia, troubleOf } from './errors.ts';
import { handOver } from './hand-over.ts';
import * as reply from './reply.ts';
import type { Target } from './target.ts';

interface Complaint {
  readonly code: ProblemCode;
  readonly detail: string;
}

/** An error for a resource that exists as a name; where it is trouble of this edge's own, a peer may have none. */
export function fail(edge: Edge, exchange: reply.Exchange, target: Target, problem: ProblemCode | Complaint): void {
  const { code, detail } = typeof problem === 'string' ? { code: problem, detail: undefined } : problem;
  const told = exchange.isMedia ? softenForMedia(code) : code;
  const hasLeft = exchange.response.destroyed;
  const trouble = hasLeft ? null : troubleOf(code);
  if (trouble !== null && handOver(edge, exchange, target, trouble)) return;
  if (!hasLeft) {
    reply.replyProblem(exchange, told, { edgeId: edge.id, ...(detail === undefined ? {} : { detail }) });
  }
  edge.events.answered(target.resource.kind, hasLeft ? 'left' : outcomeOf(code), 0);
}

/** An error for what is no resource's name. */
export function misdirect(edge: Edge, exchange: reply.Exchange, code: ProblemCode): void {
  reply.replyProblem(exchange, code, { edgeId: edge.id });
  edge.events.misdirected();
}

/** Runs what must wait: counted, bounded, and given up when its viewer leaves. */
export function later(
  edge: Edge,
  exchange: reply.Exchange,
  target: Target,
  work: (signal: AbortSignal) => Promise<void>,
): void {
  const { socket } = exchange.request;
  if (!edge.waiters.enter(socket)) {
    return fail(edge, exchange, target, exchange.isMedia ? 'too_many_requests' : 'too_many_waiters');
  }
  const left = new AbortController();
  const leave = (): void => left.abort();
  exchange.response.once('close', leave);
  work(left.signal)
    .catch((error: unknown) => {
      edge.events.serveThrew(target.key, 'internal', error);
      fail(edge, exchange, target, 'internal');
    })
    .finally(() => {
      exchange.response.off('close', leave);
      edge.waiters.leave(socket);
    });
}

/** A token may end, or be revoked, while its request waits; then there is nothing to be had for it any more. */
export function isStillGranted(edge: Edge, exchange: reply.Exchange, target: Target): boolean {
  const { remoteAddress: address = '' } = exchange.request.socket;
  const verdict = edge.gate.authorise(target, { address, nowMs: edge.clock.nowMs() });
  if (verdict.kind !== 'granted') {
    fail(edge, exchange, target, verdict.kind === 'refused' ? verdict.code : 'token_missing');
  }
  return verdict.kind === 'granted';
}

/** As configured for the stream or the fleet, else as this edge was started. */
export function deadlineMs({ feed, id, limits }: Edge, { stream }: Target): number {
  return feed.settingsOf(id, stream).edgeDeadlineMs ?? limits.deadlineMs;
}
