/** What an unsafe request makes invalid (RFC 9111 §4.4). */

import { valueOf } from './fields.ts';
import type { ResponseHead } from './stored-head.ts';

// Safe by IANA's registry; of every other method nobody knows that it changes nothing.
const SAFE_METHODS: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'OPTIONS',
  'PROPFIND',
  'QUERY',
  'REPORT',
  'SEARCH',
  'TRACE',
]);

export function isSafe(method: string): boolean {
  return SAFE_METHODS.has(method);
}

export interface InvalidatingRequest {
  /** in upper case */
  readonly method: string;
  /** path and query */
  readonly path: string;
  /** the origins (RFC 9110 §4.3.1) under which this resource is known, such as `https://cdn.example`; at least one */
  readonly origins: readonly [string, ...string[]];
}

/** Paths, each with its query, of this resource and those of the same origin that the answer names. */
export function invalidatedPaths(request: InvalidatingRequest, response: ResponseHead): readonly string[] {
  const isError = response.status < 200 || response.status >= 400;
  if (isSafe(request.method) || isError) return [];
  const paths = new Set([request.path]);
  for (const name of ['location', 'content-location']) {
    const named = resolved(valueOf(response.fields, name), request);
    if (named !== null) paths.add(named);
  }
  return [...paths];
}

function resolved(reference: string | undefined, { path, origins }: InvalidatingRequest): string | null {
  if (reference === undefined) return null;
  const base = URL.parse(path.startsWith('/') ? origins[0] + path : path);
  const url = base === null ? null : URL.parse(reference, base.href);
  if (url === null) return null;
  const isOurs = origins.some((origin) => URL.parse(origin)?.origin === url.origin);
  return isOurs && url.origin !== 'null' ? url.pathname + url.search : null;
}
