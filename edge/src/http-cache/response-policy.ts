/** All that the fields of a stored response say of its reuse, read once for each. */

import { reachOf, secondsOf, type Directives } from './cache-control.ts';
import { parseDeltaSeconds } from './delta-seconds.ts';
import { linesOf, valueOf, type FieldList } from './fields.ts';
import { parseHttpDate } from './http-date.ts';
import { HEURISTIC_STATUSES, STALE_IF_ERROR_STATUSES } from './status.ts';
import type { StoredHead } from './stored-head.ts';
import { controlOf } from './targeted-control.ts';

export interface ResponsePolicy {
  readonly lifetimeMs: number;
  /** the corrected age when it came (RFC 9111 §4.2.3) */
  readonly initialAgeMs: number;
  readonly mustValidate: boolean;
  /** once stale it is not served without validation, whatever a request or a default allows */
  readonly mustRevalidateStale: boolean;
  readonly isImmutable: boolean;
  /** the origin gave it to more than the one who asked: it called it public, or gave it a time in which nobody asks */
  readonly isForMany: boolean;
  /** RFC 5861, or this cache's defaults */
  readonly staleWhileRevalidateMs: number;
  readonly staleIfErrorMs: number;
  /** the origin itself bounded stale-if-error */
  readonly boundsStaleIfError: boolean;
}

/** Heuristic freshness is this part of the time since the last change (RFC 9111 §4.2.2), and no more than a day. */
export const HEURISTIC_FRACTION = 0.1;
export const MAX_HEURISTIC_S = 86_400;
/** Heuristic freshness of answers that are no content, with a Last-Modified and without. */
export const MAX_NEGATIVE_HEURISTIC_S = 60;
export const NEGATIVE_LIFETIMES_S: Readonly<Record<number, number>> = {
  300: 60,
  301: 60,
  308: 60,
  // what is not there yet, such as the next segment of another's live stream, may be there soon
  404: 2,
  405: 10,
  410: 60,
  414: 10,
  501: 10,
};

/** What a response that says nothing of it allows while it is refreshed, below the resolution of ages, and on errors. */
export const DEFAULT_STALE_WHILE_REVALIDATE_MS = 500;
export const DEFAULT_STALE_IF_ERROR_S = 60;

const policies = new WeakMap<StoredHead, ResponsePolicy>();

/** Heads never change, so that one reading of each is enough. */
export function policyOf(head: StoredHead): ResponsePolicy {
  let policy = policies.get(head);
  if (policy === undefined) policies.set(head, (policy = readPolicy(head)));
  return policy;
}

function readPolicy(head: StoredHead): ResponsePolicy {
  const { directives, isTargeted } = controlOf(head.fields);
  const lifetimeMs = lifetimeS(head, directives, isTargeted) * 1000;
  const whileRevalidateS = secondsOf(directives, 'stale-while-revalidate');
  const ifErrorS = secondsOf(directives, 'stale-if-error');
  // §5.2.2.10: s-maxage has the effect of proxy-revalidate. An origin that adds one of RFC 5861's directives to it modifies
  // that (§5.2.3); the defaults do not.
  const isShared = directives.has('s-maxage');
  const isStrict = directives.has('must-revalidate') || directives.has('proxy-revalidate');
  const hasExtension = whileRevalidateS !== null || ifErrorS !== null;
  const mustValidate = reachOf(directives, 'no-cache') === 'whole';
  // An error of before is no better than the one that it would stand in for.
  const isError = STALE_IF_ERROR_STATUSES.has(head.status);
  return {
    lifetimeMs,
    initialAgeMs: initialAgeMs(head),
    mustValidate,
    mustRevalidateStale: isStrict || (isShared && !hasExtension),
    isImmutable: directives.has('immutable'),
    isForMany: directives.has('public') || (lifetimeMs > 0 && !mustValidate),
    staleWhileRevalidateMs:
      whileRevalidateS === null
        ? isShared
          ? 0
          : Math.min(DEFAULT_STALE_WHILE_REVALIDATE_MS, lifetimeMs / 2)
        : whileRevalidateS * 1000,
    staleIfErrorMs: isError ? 0 : (ifErrorS ?? (isShared ? 0 : DEFAULT_STALE_IF_ERROR_S)) * 1000,
    boundsStaleIfError: isError || ifErrorS !== null,
  };
}

/** Whether the origin itself said how long it is fresh, or that it is public (RFC 9111 §3). */
export function saysFreshness(fields: FieldList): boolean {
  const { directives, isTargeted } = controlOf(fields);
  if (['public', 's-maxage', 'max-age'].some((name) => directives.has(name))) return true;
  return !isTargeted && linesOf(fields, 'expires').length > 0;
}

/** RFC 9111 §4.2.1: the first of these that is present, even where it is invalid. */
function lifetimeS(head: StoredHead, directives: Directives, isTargeted: boolean): number {
  const explicit = secondsOf(directives, 's-maxage') ?? secondsOf(directives, 'max-age');
  if (explicit !== null) return explicit;
  if (!isTargeted) {
    const expires = linesOf(head.fields, 'expires');
    if (expires.length > 0) return expiresIn(expires, head);
  }
  return heuristicS(head, directives);
}

/** §5.3: an invalid date, `0` above all, and several dates mean that it has expired. */
function expiresIn(lines: readonly string[], head: StoredHead): number {
  const expiresMs = lines.length === 1 ? parseHttpDate(lines[0]!, head.responseMs) : null;
  return expiresMs === null ? 0 : Math.max(0, (expiresMs - dateMsOf(head)) / 1000);
}

function heuristicS(head: StoredHead, directives: Directives): number {
  if (!HEURISTIC_STATUSES.has(head.status) && !directives.has('public')) return 0;
  const isNegative = head.status >= 300;
  const modifiedMs = parseHttpDate(valueOf(head.fields, 'last-modified') ?? '', head.responseMs);
  if (modifiedMs === null) return NEGATIVE_LIFETIMES_S[head.status] ?? 0;
  const sinceChangeS = Math.max(0, (dateMsOf(head) - modifiedMs) / 1000);
  return Math.min(sinceChangeS * HEURISTIC_FRACTION, isNegative ? MAX_NEGATIVE_HEURISTIC_S : MAX_HEURISTIC_S);
}

/** The origin's Date; without a good one, the time of receipt (RFC 9110 §6.6.1). */
export function dateMsOf({ fields, responseMs }: { readonly fields: FieldList; readonly responseMs: number }): number {
  return parseHttpDate(valueOf(fields, 'date') ?? '', responseMs) ?? responseMs;
}

/** corrected_initial_age of RFC 9111 §4.2.3. */
function initialAgeMs(head: StoredHead): number {
  // Date has whole seconds, so that a part of one says nothing.
  const apparentMs = Math.max(0, Math.floor((head.responseMs - dateMsOf(head)) / 1000) * 1000);
  const responseDelayMs = Math.max(0, head.responseMs - head.requestMs);
  return Math.max(apparentMs, (ageFieldS(head.fields) ?? 0) * 1000 + responseDelayMs);
}

/** The Age that came with it: the first member counts; null where there is none, or it is no count of seconds (RFC 9111 §5.1). */
export function ageFieldS(fields: FieldList): number | null {
  const first = valueOf(fields, 'age')?.split(',', 1)[0];
  return first === undefined ? null : parseDeltaSeconds(first.trim());
}
