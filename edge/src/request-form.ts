/**
 * The form of a request, before anybody looks at what it asks for. Parsers that read one differently let a request be hidden in
 * another (RFC 9112 §11.2): what is refused here is what node:http's passes and RFC 9112 or RFC 9113 does not.
 */

import { METHODS } from 'node:http';
import { isAuthority } from '@headwater/protocol/authority';
import type { ProblemCode } from '@headwater/protocol/problem';
import type { ViewerRequest } from './viewer-exchange.ts';

/** Names of methods are case-sensitive; HTTP/2 lets any name through. */
const KNOWN_METHODS: ReadonlySet<string | undefined> = new Set(METHODS);
const VISIBLE = /^[!-~]*$/;

/** What is wrong with it; null for nothing. Only what changes something comes with a body. */
export function complaintOf(request: ViewerRequest, urlLimitBytes: number): ProblemCode | null {
  const { url = '', method, headers } = request;
  if (url.length > urlLimitBytes) return 'uri_too_long';
  if (!isFramed(request) || !hasTarget(url, method) || !hasOneHost(request)) return 'bad_request';
  // RFC 9110 §10.1.1: the only one that there is; it has been met.
  if (headers.expect !== undefined && !/^100-continue$/i.test(headers.expect)) return 'expectation_failed';
  return (method === 'GET' || method === 'HEAD') && hasBody(request) ? 'body_too_large' : null;
}

/** Whether more comes after the head. */
export function hasBody({ headers }: ViewerRequest): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
}

function isFramed({ httpVersion, headers, method, url = '', socket }: ViewerRequest): boolean {
  if (socket.shared !== undefined) return KNOWN_METHODS.has(method) && VISIBLE.test(url);
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return false;
  // llhttp takes RTSP/1.0 for HTTP/1.0 and does not tell; every request of RTSP has this (RFC 2326 §12.17).
  if (httpVersion === '1.0' && headers['cseq'] !== undefined) return false;
  const coding = headers['transfer-encoding'];
  // RFC 9112 §6.1: of a coding that we do not take off we cannot tell where the body ends; HTTP/1.0 has none.
  return coding === undefined || (coding.toLowerCase() === 'chunked' && httpVersion === '1.1');
}

/** RFC 9112 §3.2, once absolute-form is read: a path, or the server as a whole. */
function hasTarget(url: string, method: string | undefined): boolean {
  if (url === '*') return method === 'OPTIONS';
  // An authority is CONNECT's, which has a code of its own.
  return method === 'CONNECT' || (url.startsWith('/') && !url.includes('#'));
}

/** RFC 9112 §3.2. */
function hasOneHost({ headers: { host }, httpVersion }: ViewerRequest): boolean {
  return host === undefined ? httpVersion === '1.0' : isAuthority(host);
}
