/** The form of a request, before anybody looks at what it asks for. */

import { isAuthority } from '@headwater/protocol/authority';
import type { ProblemCode } from '@headwater/protocol/problem';
import type { ViewerRequest } from './viewer-exchange.ts';

/** What is wrong with it; null for nothing. */
export function complaintOf(
  request: ViewerRequest,
  { urlBytes, mayHaveBody }: { readonly urlBytes: number; readonly mayHaveBody: boolean },
): ProblemCode | null {
  if ((request.url ?? '').length > urlBytes) return 'uri_too_long';
  if (!hasOneHost(request)) return 'bad_request';
  // RFC 9110 §10.1.1: the only one that there is; it has been met.
  if (!/^(?:100-continue)?$/i.test(request.headers.expect ?? '')) return 'expectation_failed';
  return hasBody(request) && !mayHaveBody ? 'body_too_large' : null;
}

/** Whether more comes after the head. Nothing that an edge serves takes a body, so whoever sends one may not go on. */
export function hasBody({ headers }: ViewerRequest): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
}

/** RFC 9112 §3.2. */
function hasOneHost({ headers: { host }, httpVersion }: ViewerRequest): boolean {
  return host === undefined ? httpVersion === '1.0' : isAuthority(host);
}
