/** Whether a response may be stored by a shared cache (RFC 9111 §3). */

import { reachOf, type Directives } from './cache-control.ts';
import { linesOf, valueOf } from './fields.ts';
import { parseContentRange } from './ranges.ts';
import type { RequestHead } from './request-head.ts';
import { policyOf } from './response-policy.ts';
import { requestDirectives } from './reuse.ts';
import { HEURISTIC_STATUSES, UNDERSTOOD_STATUSES } from './status.ts';
import type { ResponseHead } from './stored-head.ts';
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
  // A 304 and a 416 tell something of a stored response or of its length, and are none themselves.
  if (status < 200 || status === 304 || status === 416) return 'status';
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
  return saysFreshness(response) || hasHeuristics(response) ? null : 'not-cacheable';
}

/** §3.5: what the origin must say so that an authorised answer is for others too. */
function isForAll(directives: Directives): boolean {
  return directives.has('public') || directives.has('must-revalidate') || directives.has('s-maxage');
}

/** §3: the origin itself said how long, or that it is public. */
function saysFreshness({ fields }: ResponseHead): boolean {
  const { directives, isTargeted } = controlOf(fields);
  if (['public', 's-maxage', 'max-age'].some((name) => directives.has(name))) return true;
  return !isTargeted && linesOf(fields, 'expires').length > 0;
}

/**
 * Cookies do not forbid storing (§7.3), but whoever sets one and neither calls the answer public nor says for how long others
 * may have it seldom means it for them. Named by `private` or `no-cache` it is not kept anyway.
 */
function cookieRefusal(response: ResponseHead, responseMs: number): StorageRefusal | null {
  const { fields } = response;
  if (linesOf(fields, 'set-cookie').length === 0) return null;
  const { directives } = controlOf(fields);
  const isWithheld = ['private', 'no-cache'].some((name) => {
    const reach = reachOf(directives, name);
    return typeof reach !== 'string' && reach.has('set-cookie');
  });
  const { isForMany } = policyOf({ ...response, selecting: {}, requestMs: responseMs, responseMs });
  return isWithheld || (isForMany && saysFreshness(response)) ? null : 'set-cookie';
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
