/** Validating stored responses and updating them (RFC 9111 §4.3). */

import { isWeakTag, sameTag } from './entity-tag.ts';
import { endToEnd, valueOf, without, type FieldList } from './fields.ts';
import { parseHttpDate } from './http-date.ts';
import { ownNames } from './own-fields.ts';
import { storedFields, type ExchangeTimes, type ResponseHead, type StoredHead } from './stored-head.ts';

/** The tags of so many stored responses go into one request. */
export const MAX_VALIDATED_TAGS = 16;

/** The conditions of a request, which a cache answers itself and replaces by its own (RFC 9110 §13.1). */
export const CONDITIONAL_FIELDS: ReadonlySet<string> = new Set([
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
  'if-range',
]);

/**
 * The fields that ask whether one of these is still current (§4.3.1); the selected one comes first. Empty where none has a
 * validator.
 */
export function conditionalFields(heads: readonly StoredHead[]): FieldList {
  const tags = new Set<string>();
  for (const { fields } of heads) {
    const tag = valueOf(fields, 'etag');
    if (tag !== undefined && tags.size < MAX_VALIDATED_TAGS) tags.add(tag);
  }
  const conditions = tags.size === 0 ? [] : ['If-None-Match', [...tags].join(', ')];
  // A date would speak for all of them, so it is only sent for one.
  const modified = heads.length === 1 ? valueOf(heads[0]!.fields, 'last-modified') : undefined;
  if (modified !== undefined && parseHttpDate(modified, heads[0]!.responseMs) !== null) {
    conditions.push('If-Modified-Since', modified);
  }
  return conditions;
}

export interface NotModified {
  readonly fields: FieldList;
  /** the request named the validators of this one stored response and of no other */
  readonly isOnlyCandidate: boolean;
}

/** The stored response as a 304 updates it (§4.3.4); null where the 304 is not about this one. */
export function freshen(head: StoredHead, response: NotModified, times: ExchangeTimes): StoredHead | null {
  return isAbout(head, response) ? updated(head, response.fields, times) : null;
}

function isAbout({ fields, responseMs }: StoredHead, { fields: news, isOnlyCandidate }: NotModified): boolean {
  const newTag = valueOf(news, 'etag');
  const tag = valueOf(fields, 'etag');
  if (newTag !== undefined && !isWeakTag(newTag)) return tag !== undefined && sameTag(tag, newTag, 'strong');
  const newModified = valueOf(news, 'last-modified');
  const modified = valueOf(fields, 'last-modified');
  if (newTag !== undefined) return tag !== undefined && sameTag(tag, newTag, 'weak');
  if (newModified !== undefined) {
    const isSame = modified !== undefined && sameInstant(modified, newModified, responseMs);
    return isSame || (isOnlyCandidate && modified === undefined);
  }
  // An origin may leave out what it was asked about: where only one was named, it is that one.
  return isOnlyCandidate;
}

function sameInstant(a: string, b: string, nowMs: number): boolean {
  if (a === b) return true;
  const instant = parseHttpDate(a, nowMs);
  return instant !== null && instant === parseHttpDate(b, nowMs);
}

export type HeadNews =
  | { readonly kind: 'updated'; readonly head: StoredHead }
  /** the response has changed: what is stored needs validation */
  | { readonly kind: 'changed' }
  /** says nothing of the stored one */
  | { readonly kind: 'unrelated' };

// One that is there no more has not stayed the same either.
const VALIDATORS = ['etag', 'last-modified'] as const;

/** What a response to HEAD says of the stored response to GET (§4.3.5). */
export function freshenByHead(
  head: StoredHead,
  response: ResponseHead,
  { times, storedBytes }: { readonly times: ExchangeTimes; readonly storedBytes: number | null },
): HeadNews {
  if (response.status !== 200 || head.status !== 200) return { kind: 'unrelated' };
  const { fields } = response;
  const length = valueOf(fields, 'content-length');
  const hasChanged =
    VALIDATORS.some((name) => valueOf(fields, name) !== valueOf(head.fields, name)) ||
    (length !== undefined && storedBytes !== null && length !== String(storedBytes));
  if (hasChanged) return { kind: 'changed' };
  // Where neither has a validator nothing shows that the content is still this one.
  const isSame = VALIDATORS.some((name) => valueOf(fields, name) !== undefined);
  return isSame ? { kind: 'updated', head: updated(head, fields, times) } : { kind: 'unrelated' };
}

// §3.2 leaves Content-Length as it is, and what the stored bytes depend upon: they are kept in this coding and of this range.
const NOT_UPDATED: ReadonlySet<string> = new Set(['content-length', 'content-encoding', 'content-range']);
/** These speak of the moment of the response: where the new one has none, the old one's are void. */
const OF_THE_MOMENT: readonly string[] = ['age', 'date', 'cache-status'];

function updated(head: StoredHead, received: FieldList, times: ExchangeTimes): StoredHead {
  const own = ownNames({ status: head.status, fields: received }, times.responseMs);
  const news = without(endToEnd(received), new Set([...NOT_UPDATED, ...own]));
  const replaced = new Set(OF_THE_MOMENT);
  for (let i = 0; i < news.length; i += 2) replaced.add(news[i]!.toLowerCase());
  const fields = storedFields([...without(head.fields, replaced), ...news], times.responseMs);
  return { ...head, fields, ...times };
}
