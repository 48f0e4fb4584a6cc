/** What a cache keeps of a response besides its body. */

import { reachOf } from './cache-control.ts';
import { endToEnd, linesOf, without, type FieldList } from './fields.ts';
import { formatHttpDate, parseHttpDate } from './http-date.ts';
import type { RequestHead } from './request-head.ts';
import { controlOf } from './targeted-control.ts';
import { selectingOf, varyOf } from './vary.ts';

export interface StoredHead {
  readonly status: number;
  /** end-to-end fields */
  readonly fields: FieldList;
  /** the normalised request values of the names in Vary; null where the request had none */
  readonly selecting: Readonly<Record<string, string | null>>;
  /** wall clock (RFC 9111 §4.2.3) when the request was made */
  readonly requestMs: number;
  /** and when the response came */
  readonly responseMs: number;
}

export interface ResponseHead {
  readonly status: number;
  /** as received */
  readonly fields: FieldList;
}

export interface ExchangeTimes {
  readonly requestMs: number;
  readonly responseMs: number;
}

/** The head to keep of a response that may be stored. */
export function storedHead(request: RequestHead, response: ResponseHead, times: ExchangeTimes): StoredHead {
  const vary = varyOf(response.fields);
  return {
    status: response.status,
    fields: storedFields(response.fields, times.responseMs),
    selecting: vary === '*' ? {} : selectingOf(request, vary),
    requestMs: times.requestMs,
    responseMs: times.responseMs,
  };
}

/**
 * The fields that are kept: none of this connection (RFC 9111 §3.1), none that `private` or `no-cache` names (§5.2.2.4, §5.2.2.7:
 * unkept they are never sent unvalidated), and a date where the response had none (RFC 9110 §6.6.1).
 */
export function storedFields(received: FieldList, responseMs: number): FieldList {
  const unkept = new Set(withheldNames(received));
  const dates = linesOf(received, 'date');
  const isDated = dates.length === 1 && parseHttpDate(dates[0]!, responseMs) !== null;
  if (!isDated) unkept.add('date');
  const kept = without(endToEnd(received), unkept);
  return isDated ? kept : [...kept, 'Date', formatHttpDate(responseMs)];
}

/** The names of fields, in lower case, that are not kept because `private` or `no-cache` has them. */
export function withheldNames(received: FieldList): ReadonlySet<string> {
  const { directives } = controlOf(received);
  const names = new Set<string>();
  for (const name of ['private', 'no-cache']) {
    const reach = reachOf(directives, name);
    if (typeof reach !== 'string') for (const field of reach) names.add(field);
  }
  return names;
}
