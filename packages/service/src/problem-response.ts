/** Error answers: `application/problem+json` (RFC 9457) from a code, for node:http and for handlers that return a Response. */

import { type RequestListener, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
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

/** What @hono/node-server asks for when it can make no request of what came, for want of a good Host, or a handler fails. */
export function refuseUnhandled(error: unknown): Response {
  return problemResponse(error instanceof Error && error.name === 'RequestError' ? 'bad_request' : 'internal');
}

/**
 * Answers whatever reaches a node:http server and never its handler: what cannot be read as a request, a request that does not
 * come in time, CONNECT (which is cut without a word when nobody listens), and an expectation that nobody knows.
 * @param headers sent with each of these answers
 * @param onExpectation who answers an expectation that nobody knows in another way than by 417
 */
export function refuseOddities(
  server: Server,
  headers: Readonly<Record<string, string>> = {},
  onExpectation?: RequestListener,
): void {
  const ending = new WeakSet<Duplex>();
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    if (error.code === 'ECONNRESET' || !socket.writable) socket.destroy();
    else if (!ending.has(socket)) {
      ending.add(socket);
      endInTurn(socket, CODE_OF_ERROR[error.code ?? ''] ?? 'bad_request', headers);
    }
  });
  server.on('connect', (_request, socket) => endInTurn(socket, 'method_not_allowed', headers));
  server.on(
    'checkExpectation',
    onExpectation ?? ((_request, response) => sendProblem(response, 'expectation_failed', { headers })),
  );
}

/** Answers that requests before the broken one have coming go first; ours would go into the midst of them. */
function endInTurn(socket: Duplex, code: ProblemCode, more: Readonly<Record<string, string>>): void {
  const answer = answerOn(socket);
  if (answer === null) {
    if (socket.writable) endWith(socket, code, more);
  } else if (answer.req.complete || answer.writableEnded) answer.once('close', () => endInTurn(socket, code, more));
  else if (!answer.headersSent) endWith(socket, code, more);
  else socket.destroy();
}

/** The answer that the connection is taken by. node:http keeps it there, and nowhere else. */
function answerOn(socket: Duplex): ServerResponse | null {
  return '_httpMessage' in socket ? (socket._httpMessage as ServerResponse | null) : null;
}

const CODE_OF_ERROR: Readonly<Record<string, ProblemCode>> = {
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
};

/** Who was refused may read why; who does not close then is cut. */
const LINGER_MS = 1_000;

/** The connection ends: what follows on it cannot be told from what was broken. */
function endWith(socket: Duplex, code: ProblemCode, more: Readonly<Record<string, string>>): void {
  // node:http takes its own listener off a socket that it hands over, and an `error` that nobody hears ends the process.
  socket.on('error', () => socket.destroy());
  const linger = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => clearTimeout(linger));
  const body = JSON.stringify(problem(code));
  const status = PROBLEM_STATUS[code];
  const headers = Object.entries(problemHeaders({ headers: more })).map(([name, value]) => `${name}: ${value}\r\n`);
  socket
    .resume()
    .end(
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${headers.join('')}content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    );
}

function problemHeaders(options: ProblemOptions): Record<string, string> {
  return { 'content-type': PROBLEM_MEDIA_TYPE, 'cache-control': 'no-store', ...options.headers };
}
