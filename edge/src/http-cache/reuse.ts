/** Whether a stored response answers a request (RFC 9111 §4, §5.2.1; RFC 5861; RFC 8246). */

import { NO_DIRECTIVES, parseCacheControl, secondsOf, type Directives } from './cache-control.ts';
import { valueOf } from './fields.ts';
import { freshnessOf, type Freshness } from './freshness.ts';
import type { RequestHead } from './request-head.ts';
import { policyOf, type ResponsePolicy } from './response-policy.ts';
import type { StoredHead } from './stored-head.ts';

export interface ReuseVerdict {
  readonly verdict: 'serve' | 'serve-and-refresh' | 'validate';
  /** it may stand in when the origin cannot be reached or answers with an error of RFC 5861 §4 */
  readonly onErrorServe: boolean;
  /** without a usable stored response the answer is 504, and nobody is asked */
  readonly onlyIfCached: boolean;
  /** why the request would go on (RFC 9211 §2.2) */
  readonly fwd: 'stale' | 'request';
  readonly ageS: number;
  readonly ttlS: number;
}

/** The directives of a request; Pragma counts where there is no Cache-Control (RFC 9111 §5.4). */
export function requestDirectives(request: RequestHead): Directives {
  const control = valueOf(request.fields, 'cache-control');
  if (control !== undefined) return parseCacheControl(control);
  const pragma = valueOf(request.fields, 'pragma');
  return pragma === undefined ? NO_DIRECTIVES : parseCacheControl(pragma).has('no-cache') ? NO_CACHE : NO_DIRECTIVES;
}

const NO_CACHE: Directives = new Map([['no-cache', [null]]]);

export function isOnlyIfCached(request: RequestHead): boolean {
  return requestDirectives(request).has('only-if-cached');
}

/** Whether the answer will most likely be theirs alone who ask. */
export function asksAlone(request: RequestHead): boolean {
  return valueOf(request.fields, 'authorization') !== undefined || requestDirectives(request).has('no-store');
}

export function judgeReuse(request: RequestHead, head: StoredHead, nowMs: number): ReuseVerdict {
  const policy = policyOf(head);
  const freshness = freshnessOf(head, nowMs);
  const directives = requestDirectives(request);
  const { ageS, ttlS } = freshness;
  return {
    verdict: verdictOf(directives, policy, freshness),
    onErrorServe: mayServeOnError(directives, policy, freshness),
    onlyIfCached: directives.has('only-if-cached'),
    fwd: freshness.isFresh && !policy.mustValidate ? 'request' : 'stale',
    ageS,
    ttlS,
  };
}

function verdictOf(directives: Directives, policy: ResponsePolicy, freshness: Freshness): ReuseVerdict['verdict'] {
  if (policy.mustValidate || directives.has('no-cache')) return 'validate';
  const wanted = directives.size === 0 ? 'any' : wish(directives, policy, freshness);
  if (wanted === 'other') return 'validate';
  if (freshness.isFresh) return 'serve';
  if (policy.mustRevalidateStale) return 'validate';
  if (wanted === 'even-stale') return 'serve';
  return -freshness.remainingMs <= policy.staleWhileRevalidateMs && policy.staleWhileRevalidateMs > 0
    ? 'serve-and-refresh'
    : 'validate';
}

/** What the request's limits say of a response this old (RFC 9111 §5.2.1.1 to §5.2.1.3). */
function wish(directives: Directives, policy: ResponsePolicy, freshness: Freshness): 'any' | 'even-stale' | 'other' {
  const maxAgeS = secondsOf(directives, 'max-age');
  const minFreshS = secondsOf(directives, 'min-fresh') ?? 0;
  const maxStaleS = maxStaleOf(directives);
  const ageMs = freshness.lifetimeS * 1000 - freshness.remainingMs;
  // RFC 8246 §2: a fresh immutable response is not validated because somebody reloads.
  const isSettled = policy.isImmutable && freshness.isFresh;
  const tooOldMs = maxAgeS === null || isSettled ? 0 : ageMs - maxAgeS * 1000;
  // Whoever takes stale ones takes those too that outlived its max-age by as much.
  const excessMs = Math.max(tooOldMs, -freshness.remainingMs);
  if (maxStaleS !== null && excessMs <= maxStaleS * 1000) return minFreshS > 0 ? 'other' : 'even-stale';
  if (tooOldMs > 0) return 'other';
  return minFreshS > 0 && freshness.remainingMs < minFreshS * 1000 ? 'other' : 'any';
}

function maxStaleOf(directives: Directives): number | null {
  const given = directives.get('max-stale');
  if (given === undefined) return null;
  return given.every((argument) => argument === null) ? Infinity : secondsOf(directives, 'max-stale');
}

function mayServeOnError(directives: Directives, policy: ResponsePolicy, freshness: Freshness): boolean {
  if (policy.mustValidate || directives.has('no-cache')) return false;
  if (freshness.isFresh) return true;
  if (policy.mustRevalidateStale) return false;
  const requestedS = secondsOf(directives, 'stale-if-error');
  const allowedMs =
    requestedS === null
      ? policy.staleIfErrorMs
      : Math.min(requestedS * 1000, policy.boundsStaleIfError ? policy.staleIfErrorMs : Infinity);
  return allowedMs > 0 && -freshness.remainingMs <= allowedMs;
}
