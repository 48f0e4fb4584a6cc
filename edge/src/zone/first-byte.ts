/**
 * The first byte that an answer needs, which is looked for before its head goes out: where it is missing and the origin has
 * another version by now, the answer is that version, and where it cannot be had, the viewer is told so.
 */

import type { ProblemCode } from '@headwater/protocol/problem';
import { evaluatePreconditions } from '../http-cache/preconditions.ts';
import { requestedRanges } from '../http-cache/ranges.ts';
import type { RequestHead } from '../http-cache/request-head.ts';
import { isOnlyIfCached } from '../http-cache/reuse.ts';
import type { StoredHead } from '../http-cache/stored-head.ts';
import type { Patience } from '../patience.ts';
import { type Hold, letGo } from './candidate.ts';

/** A body in hand, of which the first byte is there or on its way; null: it is of no use any more; or why it cannot be had. */
export type Opened = Hold | null | { readonly failed: ProblemCode };

/** Makes sure of the first byte. A body that is not to be had is let go. */
export function withFirstByte(
  hold: Hold,
  { request, head }: { readonly request: RequestHead; readonly head: StoredHead },
  patience: Patience,
): Opened | Promise<Opened> {
  if ('bytes' in hold) return hold;
  const { body, reader } = hold;
  const wanted = body.lengthBytes === null ? null : stretchOf(request, head, body.lengthBytes);
  if (wanted === null || wanted.first === wanted.end || body.isAtHand(wanted.first)) return hold;
  body.seek(reader, wanted.first);
  return body.arrival(wanted.first, wanted.end, patience).then((arrival) => {
    if (arrival.kind === 'bytes') return hold;
    letGo(hold);
    if (arrival.kind === 'end' || body.hasChanged) return null;
    return { failed: isOnlyIfCached(request) ? 'not_cached' : arrival.code };
  });
}

/** What is sent first; null where nothing of the body is. */
function stretchOf(
  request: RequestHead,
  head: StoredHead,
  lengthBytes: number,
): { readonly first: number; readonly end: number } | null {
  if (lengthBytes === 0 || request.method === 'HEAD' || evaluatePreconditions(request, head) === 'not-modified')
    return null;
  const wanted = requestedRanges(request, head, lengthBytes);
  switch (wanted.kind) {
    case 'unsatisfiable':
      return null;
    case 'whole':
      return { first: 0, end: lengthBytes };
    case 'ranges': {
      const [[first, last] = [0, 0]] = wanted.ranges;
      return { first, end: last + 1 };
    }
  }
}
