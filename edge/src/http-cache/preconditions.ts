/** Conditional requests answered from a store (RFC 9111 §4.3.2, RFC 9110 §13). */

import { listsTag } from './entity-tag.ts';
import { valueOf, without, type FieldList } from './fields.ts';
import { parseHttpDate } from './http-date.ts';
import type { RequestHead } from './request-head.ts';
import { dateMsOf } from './response-policy.ts';
import type { StoredHead } from './stored-head.ts';

/**
 * If-None-Match goes before If-Modified-Since. If-Match and If-Unmodified-Since are for the origin alone: a cache does not
 * evaluate them.
 */
export function evaluatePreconditions(request: RequestHead, head: StoredHead): 'proceed' | 'not-modified' {
  if (request.method !== 'GET' && request.method !== 'HEAD') return 'proceed';
  // RFC 9110 §13.2.1: conditions only count where the answer would be a success without them.
  if (head.status < 200 || head.status > 299) return 'proceed';
  const tags = valueOf(request.fields, 'if-none-match');
  if (tags !== undefined) return matchesTag(tags, head) ? 'not-modified' : 'proceed';
  const since = valueOf(request.fields, 'if-modified-since');
  const sinceMs = since === undefined ? null : parseHttpDate(since, head.responseMs);
  return sinceMs !== null && lastChangeMs(head) <= sinceMs ? 'not-modified' : 'proceed';
}

function matchesTag(tags: string, head: StoredHead): boolean {
  const tag = valueOf(head.fields, 'etag');
  return tag === undefined ? tags.trim() === '*' : listsTag(tags, tag, 'weak');
}

/** RFC 9111 §4.3.2: without a Last-Modified the Date stands in, without a Date the time of receipt. */
function lastChangeMs(head: StoredHead): number {
  return parseHttpDate(valueOf(head.fields, 'last-modified') ?? '', head.responseMs) ?? dateMsOf(head);
}

/** What speaks of a message's own bytes, and is the same as long as they are. */
const OF_BYTES: ReadonlySet<string> = new Set(['content-encoding', 'content-length', 'content-range', 'trailer']);

/**
 * The fields of a 304 out of those of the stored response. RFC 9110 §15.4.5 allows metadata of the content where it guides cache
 * updates: Content-Type may have changed by a 304 itself, and caches behind this one learn that from nothing else.
 */
export function notModifiedFields(fields: FieldList): FieldList {
  return without(fields, OF_BYTES);
}
