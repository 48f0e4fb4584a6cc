/** Whether who asks may, as an answer. */

import { problemResponse } from '@headwater/service/problem-response';
import type { Clock } from '@headwater/service/clock';
import { coversStream, refusalOf } from '../people/principal.ts';
import type { Permission } from '../people/roles.ts';
import type { ApiContext } from './operation.ts';

/** The answer to who has not this permission, or not now; null for who has. */
export function demand(context: ApiContext, permission: Permission, clock: Clock): Response | null {
  const refusal = refusalOf(context.get('principal'), permission, clock.nowMs());
  return refusal === null ? null : problemResponse(refusal.code, { detail: refusal.detail });
}

/** The answer to who is for some streams alone: a zone is none of them. Null for who is for all. */
export function demandZones(context: ApiContext): Response | null {
  if (context.get('principal').streams === null) return null;
  return problemResponse('stream_out_of_scope', { detail: 'the account or key is for streams alone' });
}

/** The answer to who is for other streams than this one; null for who is for it. */
export function demandStream(context: ApiContext, stream: string): Response | null {
  if (coversStream(context.get('principal'), stream)) return null;
  return problemResponse('stream_out_of_scope', { detail: `the account or key is not for ${stream}` });
}
