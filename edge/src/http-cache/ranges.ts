/** Byte ranges of a representation whose length is known (RFC 9110 §14). */

import { sameTag } from './entity-tag.ts';
import { membersOf, valueOf } from './fields.ts';
import { parseHttpDate } from './http-date.ts';
import type { RequestHead } from './request-head.ts';
import { dateMsOf } from './response-policy.ts';
import type { StoredHead } from './stored-head.ts';

/** First and last byte, both included. */
export type ByteRange = readonly [firstByte: number, lastByte: number];

export type RequestedRanges =
  | { readonly kind: 'whole' }
  | { readonly kind: 'unsatisfiable' }
  /** one for an answer with Content-Range, several for multipart/byteranges */
  | { readonly kind: 'ranges'; readonly ranges: readonly ByteRange[] };

/** More ranges than a player or a reader of documents asks for at once are refused (§14.2, §15.5.17). */
export const MAX_RANGES = 16;
/** A gap that costs less to send than the head of another part (§15.3.7.2). */
export const MAX_COALESCED_GAP_BYTES = 80;

const WHOLE: RequestedRanges = { kind: 'whole' };
const UNSATISFIABLE: RequestedRanges = { kind: 'unsatisfiable' };

/** What a request wants of a stored response: its Range counts for GET, and where If-Range holds. */
export function requestedRanges(request: RequestHead, head: StoredHead, lengthBytes: number): RequestedRanges {
  if (request.method !== 'GET' || (head.status !== 200 && head.status !== 206)) return WHOLE;
  const range = valueOf(request.fields, 'range');
  if (range === undefined) return WHOLE;
  const condition = valueOf(request.fields, 'if-range');
  if (condition !== undefined && !ifRangeHolds(condition, head)) return WHOLE;
  return parseRanges(range, lengthBytes);
}

/** §13.1.5: a strong tag, or a date that is exactly the Last-Modified and a strong validator. */
export function ifRangeHolds(condition: string, head: StoredHead): boolean {
  const value = condition.trim();
  if (value.startsWith('"')) return sameTag(value, valueOf(head.fields, 'etag') ?? '', 'strong');
  const dateMs = parseHttpDate(value, head.responseMs);
  const modifiedMs = parseHttpDate(valueOf(head.fields, 'last-modified') ?? '', head.responseMs);
  return dateMs !== null && dateMs === modifiedMs && isStrongDate(head, modifiedMs);
}

/** Whether a Last-Modified is exact: it is at least a second before the Date of its response (RFC 9110 §8.8.2.2). */
function isStrongDate(head: StoredHead, modifiedMs: number): boolean {
  return dateMsOf(head) - modifiedMs >= 1000;
}

/** The ranges of a Range field. Another unit and what does not parse are ignored, as §14.2 has it: the whole is sent. */
export function parseRanges(range: string, lengthBytes: number): RequestedRanges {
  const equals = range.indexOf('=');
  if (equals === -1 || range.slice(0, equals).toLowerCase() !== 'bytes') return WHOLE;
  const specs = membersOf(range.slice(equals + 1));
  if (specs.length > MAX_RANGES) return UNSATISFIABLE;
  const ranges: ByteRange[] = [];
  for (const spec of specs) {
    const read = parseSpec(spec, lengthBytes);
    if (read === 'invalid') return WHOLE;
    if (read !== 'unsatisfiable') ranges.push(read);
  }
  if (specs.length === 0) return WHOLE;
  return ranges.length === 0 ? UNSATISFIABLE : { kind: 'ranges', ranges: coalesced(ranges) };
}

const SPEC = /^(\d*)-(\d*)$/;

// Some players write 2⁶³ − 1 for the end; what no number holds is Infinity, which is as good.
function parseSpec(spec: string, lengthBytes: number): ByteRange | 'invalid' | 'unsatisfiable' {
  const match = SPEC.exec(spec);
  if (match === null) return 'invalid';
  const [, first = '', last = ''] = match;
  if (first === '') {
    if (last === '') return 'invalid';
    if (Number(last) === 0 || lengthBytes === 0) return 'unsatisfiable';
    return [Math.max(0, lengthBytes - Number(last)), lengthBytes - 1];
  }
  const firstByte = Number(first);
  if (last !== '' && Number(last) < firstByte) return 'invalid';
  if (firstByte >= lengthBytes) return 'unsatisfiable';
  return [firstByte, last === '' ? lengthBytes - 1 : Math.min(Number(last), lengthBytes - 1)];
}

/** In the order of the request, unless some overlap or all but touch: those become one, and all stand in ascending order. */
function coalesced(ranges: readonly ByteRange[]): readonly ByteRange[] {
  const ascending = ranges.toSorted((a, b) => a[0] - b[0]);
  const merged: [number, number][] = [];
  for (const [first, last] of ascending) {
    const before = merged.at(-1);
    if (before === undefined || first - before[1] - 1 > MAX_COALESCED_GAP_BYTES) merged.push([first, last]);
    else before[1] = Math.max(before[1], last);
  }
  return merged.length === ranges.length ? ranges : merged;
}

export type ContentRange =
  | {
      readonly kind: 'range';
      readonly firstByte: number;
      readonly lastByte: number;
      readonly completeBytes: number | null;
    }
  | { readonly kind: 'unsatisfied'; readonly completeBytes: number };

const CONTENT_RANGE = /^bytes (?:(\d+)-(\d+)|\*)\/(\d+|\*)$/i;

/** The value of Content-Range (§14.4); null for what is none, or contradicts itself. */
export function parseContentRange(value: string): ContentRange | null {
  const match = CONTENT_RANGE.exec(value.trim());
  if (match === null) return null;
  const [, first, last, complete] = match;
  const completeBytes = complete === '*' ? null : Number(complete);
  if (first === undefined) return completeBytes === null ? null : { kind: 'unsatisfied', completeBytes };
  const [firstByte, lastByte] = [Number(first), Number(last)];
  const greatest = Math.max(lastByte, completeBytes ?? 0);
  if (lastByte < firstByte || !Number.isSafeInteger(greatest)) return null;
  if (completeBytes !== null && lastByte >= completeBytes) return null;
  return { kind: 'range', firstByte, lastByte, completeBytes };
}
