/** What statuses mean to a cache (RFC 9110 §15). */

/** What is above is none, and the answer an error (RFC 9110 §15). */
export const LAST_STATUS = 599;

/** Cacheable by heuristics unless the response says otherwise (RFC 9110 §15.1). */
export const HEURISTIC_STATUSES: ReadonlySet<number> = new Set([
  200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501,
]);

const OTHER_UNDERSTOOD = [
  201, 202, 205, 302, 303, 305, 307, 400, 401, 402, 403, 406, 407, 408, 409, 411, 412, 413, 415, 416, 417, 421, 422,
  426, 500, 502, 503, 504, 505,
];
/** Those whose caching rules are kept here, as must-understand asks (RFC 9111 §5.2.2.3): what RFC 9110 defines. */
export const UNDERSTOOD_STATUSES: ReadonlySet<number> = new Set([...HEURISTIC_STATUSES, ...OTHER_UNDERSTOOD]);

/** Errors of a server on which a stale response may stand in (RFC 5861 §4). */
export const STALE_IF_ERROR_STATUSES: ReadonlySet<number> = new Set([500, 502, 503, 504]);
