/** Whether a response may be stored by a shared cache (RFC 9111 §3). */

import { reachOf, type Directives } from './cache-control.ts';
import { valueOf } from './fields.ts';
import { hasOwnCookies } from './own-fields.ts';
import { parseContentRange } from './ranges.ts';
import type { RequestHead } from './request-head.ts';
import { saysFreshness } from './response-policy.ts';
import { requestDirectives } from './reuse.ts';
import { HEURISTIC_STATUSES, LAST_STATUS, UNDERSTOOD_STATUSES } from './status.ts';
import { type ResponseHead, withheldNames } from './stored-head.ts';
import { controlOf } from './targeted-control.ts';
import { varyOf } from './vary.ts';

export type StorageRefusal =
  | 'method'
  | 'status'
  | 'not-understood'
  | 'request-no-store'
  | 'no-store'
  | 'private'
  | 'authorization'
  | 'set-cookie'
  | 'vary'
  | 'content-range'
  | 'not-cacheable';

export type StorageVerdict = { readonly store: true } | { readonly store: false; readonly why: StorageRefusal };

/**
 * Whether the response to this request may be kept and given to others.
 * @param responseMs when it came
 */
export function judgeStorage(request: RequestHead, response: ResponseHead, responseMs: number): StorageVerdict {
  const why = refusal(request, response) ?? cookieRefusal(response, responseMs);
  return why === null ? { store: true } : { store: false, why };
}

function refusal(request: RequestHead, response: ResponseHead): StorageRefusal | null {
  const { status, fields } = response;
  if (request.method !== 'GET') return 'method';
  // A 304 and a 416 tell something of a stored response or of its length, and are none themselves. What is no status says that
  // something is wrong (RFC 9110 §15).
  if (status < 200 || status === 304 || status === 416 || status > LAST_STATUS) return 'status';
  const { directives } = controlOf(fields);
  const isUnderstood = UNDERSTOOD_STATUSES.has(status);
  if (directives.has('must-understand') && !isUnderstood) return 'not-understood';
  if (requestDirectives(request).has('no-store')) return 'request-no-store';
  // §5.2.2.3: where must-understand is understood, no-store is for others.
  if (directives.has('no-store') && !directives.has('must-understand')) return 'no-store';
  if (reachOf(directives, 'private') === 'whole') return 'private';
  if (valueOf(request.fields, 'authorization') !== undefined && !isForAll(directives)) return 'authorization';
  if (varyOf(fields) === '*') return 'vary';
  if (status === 206 && (valueOf(fields, 'content-range') === undefined || !hasOneRange(response)))
    return 'content-range';
  return saysFreshness(fields) || hasHeuristics(response) ? null : 'not-cacheable';
}

/** §3.5: what the origin must say so that an authorised answer is for others too. */
function isForAll(directives: Directives): boolean {
  return directives.has('public') || directives.has('must-revalidate') || directives.has('s-maxage');
}

/** Where `private` or `no-cache` names it, it is not kept with the rest. */
function cookieRefusal(response: ResponseHead, responseMs: number): StorageRefusal | null {
  const isKept = !withheldNames(response.fields).has('set-cookie');
  return isKept && hasOwnCookies(response, responseMs) ? 'set-cookie' : null;
}

/** §4.2.2; a response with a validator alone is kept to be validated. */
function hasHeuristics({ status, fields }: ResponseHead): boolean {
  if (!HEURISTIC_STATUSES.has(status)) return false;
  const hasValidator = valueOf(fields, 'etag') !== undefined || valueOf(fields, 'last-modified') !== undefined;
  return hasValidator || status >= 300;
}

function hasOneRange({ fields }: ResponseHead): boolean {
  return parseContentRange(valueOf(fields, 'content-range') ?? '')?.kind === 'range';
}
