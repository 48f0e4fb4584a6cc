/**
 * In the query of whoever was sent here by a peer: it is not sent on again, whatever happens. It is in no name in the cache, and
 * in no URL that is told.
 */

const MARK = 'hwpeer';
const PAIR = `${MARK}=1`;

export function isMarked(query: string): boolean {
  return query.split('&').includes(PAIR);
}

/** A URL in origin form, marked. */
export function withMark(url: string): string {
  return `${url}${url.includes('?') ? '&' : '?'}${PAIR}`;
}

export function withoutMark(query: string): string {
  if (!query.includes(MARK)) return query;
  return query
    .split('&')
    .filter((pair) => pair !== PAIR)
    .join('&');
}
