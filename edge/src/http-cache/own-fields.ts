/** What of a response is for the one alone who asked, while the rest of it may be for others. */

import { endToEnd, linesOf, type FieldList } from './fields.ts';
import { policyOf, saysFreshness } from './response-policy.ts';
import { type ResponseHead, withheldNames } from './stored-head.ts';

/**
 * Whether it sets cookies that others must not get. Cookies forbid nothing (RFC 9111 §7.3), but whoever sets one and neither
 * calls the answer public nor says for how long others may have it seldom means it for them.
 * @param responseMs when it came
 */
export function hasOwnCookies(response: ResponseHead, responseMs: number): boolean {
  if (linesOf(response.fields, 'set-cookie').length === 0) return false;
  const { isForMany } = policyOf({ ...response, selecting: {}, requestMs: responseMs, responseMs });
  return !isForMany || !saysFreshness(response.fields);
}

/** Their names, in lower case. */
export function ownNames(response: ResponseHead, responseMs: number): ReadonlySet<string> {
  const names = withheldNames(response.fields);
  return hasOwnCookies(response, responseMs) ? new Set([...names, 'set-cookie']) : names;
}

/** These fields. */
export function ownFields(response: ResponseHead, responseMs: number): FieldList {
  const names = ownNames(response, responseMs);
  if (names.size === 0) return [];
  const fields = endToEnd(response.fields);
  return fields.filter((_, i) => names.has(fields[i - (i % 2)]!.toLowerCase()));
}
