/** The viewers' listener: node:http with what a hit does not need turned off, and every limit set. */

import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import type { Duplex } from 'node:stream';
import { refuseTunnel } from '@headwater/service/problem-response';
import { PROBLEM_MEDIA_TYPE, PROBLEM_STATUS, type ProblemCode, problem } from '@headwater/protocol/problem';

interface ViewerServerOptions {
  readonly headerBytes: number;
  readonly connections: number;
  /** 0: no cap */
  readonly connectionsPerAddress: number;
  readonly onRequest: (request: IncomingMessage, response: ServerResponse) => void;
  readonly onConnectionRefused: () => void;
}

const KEEP_ALIVE_MS = 65_000;
/** A request's head must be in by then; bodies are not read. */
const HEAD_DEADLINE_MS = 10_000;
/** A viewer that takes nothing for so long is let go. Longer than any blocked request. */
const STALL_MS = 60_000;

/** A server that is not listening yet. */
export function createViewerServer(options: ViewerServerOptions): Server {
  const server = createServer(
    {
      maxHeaderSize: options.headerBytes,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: 1_000,
      headersTimeout: HEAD_DEADLINE_MS,
      requestTimeout: HEAD_DEADLINE_MS,
      // Checked when a request is answered, in our own form.
      requireHostHeader: false,
      optimizeEmptyRequests: true,
      noDelay: true,
    },
    options.onRequest,
  );
  server.timeout = STALL_MS;
  server.maxConnections = options.connections;
  server.on('drop', options.onConnectionRefused);
  server.on('clientError', answerClientError);
  server.on('connect', refuseTunnel);
  if (options.connectionsPerAddress > 0) capPerAddress(server, options);
  return server;
}

/** Counts connections by address; the map is as large as the connections are many. */
function capPerAddress(server: Server, options: ViewerServerOptions): void {
  const byAddress = new Map<string, number>();
  server.on('connection', (socket) => {
    const address = socket.remoteAddress ?? '';
    const count = byAddress.get(address) ?? 0;
    if (count >= options.connectionsPerAddress) {
      options.onConnectionRefused();
      socket.destroy();
      return;
    }
    byAddress.set(address, count + 1);
    socket.once('close', () => {
      const left = (byAddress.get(address) ?? 1) - 1;
      if (left === 0) byAddress.delete(address);
      else byAddress.set(address, left);
    });
  });
}

/** What the parser refuses never becomes a request, so its answer is written by hand. */
function answerClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const code: ProblemCode = error.code === 'HPE_HEADER_OVERFLOW' ? 'headers_too_large' : 'bad_request';
  const body = JSON.stringify(problem(code));
  const head = [
    `HTTP/1.1 ${PROBLEM_STATUS[code]} ${code}`,
    `Content-Type: ${PROBLEM_MEDIA_TYPE}`,
    `Content-Length: ${body.length}`,
    'Access-Control-Allow-Origin: *',
    'Cache-Control: no-store',
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}
