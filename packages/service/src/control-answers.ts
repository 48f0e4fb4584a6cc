/**
 * What a node takes for the control plane's word. Something between the two may answer in its stead, such as a balancer with a
 * page of its own, and must end no node.
 */

import type { FeedPage } from '@headwater/protocol/feed';
import type { NodeSession } from '@headwater/protocol/node';
import type { ProblemCode } from '@headwater/protocol/problem';
import type { ControlAnswer } from './control-client.ts';

/** The session of a node that was let in, or null. */
export function sessionOf(answer: ControlAnswer): NodeSession | null {
  if (answer.kind !== 'answer' || (answer.status !== 200 && answer.status !== 201)) return null;
  const { credential, expiresAtMs, heartbeatMs } = fieldsOf(answer.body);
  const isSession =
    typeof credential === 'string' && typeof expiresAtMs === 'number' && typeof heartbeatMs === 'number';
  return isSession ? { credential, expiresAtMs, heartbeatMs } : null;
}

/** A page of the feed, or null. */
export function pageOf(answer: ControlAnswer): FeedPage | null {
  if (answer.kind !== 'answer' || answer.status !== 200) return null;
  const { cursor, snapshot, messages } = fieldsOf(answer.body);
  const isPage = typeof cursor === 'string' && typeof snapshot === 'boolean' && Array.isArray(messages);
  return isPage ? (answer.body as FeedPage) : null;
}

function fieldsOf(body: unknown): Readonly<Record<string, unknown>> {
  return typeof body === 'object' && body !== null ? (body as Readonly<Record<string, unknown>>) : {};
}

/** The control plane does not take this credential (any more): show the key again. */
export function isRefused(answer: ControlAnswer): boolean {
  return answer.kind === 'answer' && answer.status === 401;
}

export function hasCode(answer: ControlAnswer, code: ProblemCode): boolean {
  return answer.kind === 'answer' && (answer.body as { readonly code?: unknown } | null)?.code === code;
}
