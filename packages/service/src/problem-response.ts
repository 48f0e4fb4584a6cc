/** Error answers: `application/problem+json` (RFC 9457) from a code, for node:http and for handlers that return a Response. */

import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { PROBLEM_MEDIA_TYPE, PROBLEM_STATUS, type ProblemCode, problem } from '@headwater/protocol/problem';

interface ProblemOptions {
  /** one sentence for the caller: no stack, no path, no secret */
  readonly detail?: string | undefined;
  /** sent besides the content's own; `cache-control` is `no-store` unless given here */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Answers a node:http request. An answer that has already begun cannot be changed, so its connection is cut. */
export function sendProblem(response: ServerResponse, code: ProblemCode, options: ProblemOptions = {}): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const body = Buffer.from(JSON.stringify(problem(code, options.detail)));
  response.writeHead(PROBLEM_STATUS[code], { ...problemHeaders(options), 'content-length': body.length });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}

/** The same as a Response, for Hono's handlers. */
export function problemResponse(code: ProblemCode, options: ProblemOptions = {}): Response {
  const body = JSON.stringify(problem(code, options.detail));
  return new Response(body, { status: PROBLEM_STATUS[code], headers: problemHeaders(options) });
}

/**
 * Answers what node:http could not read as a request: its `clientError` event. The connection ends, since what follows on it
 * cannot be told from what was broken.
 */
export function refuseUnreadable(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  endWith(socket, error.code === 'HPE_HEADER_OVERFLOW' ? 'headers_too_large' : 'bad_request');
}

/** Answers CONNECT, node:http's `connect` event, which is cut without a word when nobody listens. */
export function refuseTunnel(_request: IncomingMessage, socket: Duplex): void {
  endWith(socket, 'method_not_allowed');
}

function endWith(socket: Duplex, code: ProblemCode): void {
  const body = JSON.stringify(problem(code));
  const status = PROBLEM_STATUS[code];
  const headers = Object.entries(problemHeaders({})).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${headers.join('')}content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}

function problemHeaders(options: ProblemOptions): Record<string, string> {
  return { 'content-type': PROBLEM_MEDIA_TYPE, 'cache-control': 'no-store', ...options.headers };
}
