/** Requests and stored responses of tests. */

import type { FieldList } from './fields.ts';
import { formatHttpDate } from './http-date.ts';
import type { RequestHead } from './request-head.ts';
import type { StoredHead } from './stored-head.ts';

export const NOW_MS = Date.UTC(2026, 10, 28, 12);

/** A date of HTTP so many seconds after NOW_MS. */
export function dateAfter(seconds: number): string {
  return formatHttpDate(NOW_MS + seconds * 1000);
}

export function get(...fields: string[]): RequestHead {
  return { method: 'GET', fields };
}

/** A response that came at NOW_MS, at once, with a Date. */
export function stored(fields: FieldList, about: Partial<StoredHead> = {}): StoredHead {
  const dated = fields.some((name, i) => i % 2 === 0 && name === 'Date') ? fields : ['Date', dateAfter(0), ...fields];
  return { status: 200, fields: dated, selecting: {}, requestMs: NOW_MS, responseMs: NOW_MS, ...about };
}
