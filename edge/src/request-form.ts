/** The form of a request, before anybody looks at what it asks for. */

import type { IncomingMessage } from 'node:http';
import { isAuthority } from '@headwater/protocol/authority';
import type { ProblemCode } from '@headwater/protocol/problem';

/** What is wrong with it; null for nothing. Expects a GET or HEAD. */
export function complaintOf(request: IncomingMessage, urlLimitBytes: number): ProblemCode | null {
  if ((request.url ?? '').length > urlLimitBytes) return 'uri_too_long';
  if (!hasOneHost(request)) return 'bad_request';
  return hasBody(request) ? 'body_too_large' : null;
}

/** Whether more comes after the head. Nothing that an edge serves takes a body, so whoever sends one may not go on. */
export function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
}

/** RFC 9112 §3.2. */
function hasOneHost({ headers: { host }, httpVersion }: IncomingMessage): boolean {
  return host === undefined ? httpVersion === '1.0' : isAuthority(host);
}
