/** When an origin is in trouble, so that what is stale may stand in for its answer (RFC 5861 §4). */

import type { Asked, Transcript } from './exchange.ts';

export const ERROR_STATUSES = new Set([500, 502, 503, 504]);

/** Whether the origin had an error for a request, or no answer at all. */
export function hasFailedDuring(asked: Asked, { exchanges }: Transcript): boolean {
  return exchanges.some(
    ({ place, ended, status, beganOrder, endOrder, headOrder }) =>
      place === asked.place &&
      beganOrder < asked.endOrder &&
      (endOrder ?? Infinity) > asked.startOrder &&
      (ended === 'died' || headOrder === null || ERROR_STATUSES.has(status)),
  );
}
