/** The viewers' listener: node:http with what a hit does not need turned off, and every limit set. */

import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import type { Socket } from 'node:net';
import type { AddressCap } from '@headwater/protocol/address-cap';
import { acceptAbsoluteForm } from '@headwater/service/absolute-form';
import { capPerAddress } from '@headwater/service/connection-caps';
import { capPipeline } from '@headwater/service/pipeline-cap';
import { refuseOddities } from '@headwater/service/problem-response';

interface ViewerServerOptions {
  readonly headerBytes: number;
  readonly connections: number;
  readonly connectionsPerAddress: AddressCap;
  /** a connection on which nothing moves for so long is closed; longer than any blocked request */
  readonly idleMs: number;
  readonly onRequest: (request: IncomingMessage, response: ServerResponse) => void;
  readonly onConnectionRefused: () => void;
}

/** A request's head must be in by then; bodies are not read. */
const HEAD_DEADLINE_MS = 10_000;
/** Idleness is looked at so often within its limit. */
const SWEEPS = 4;

/** A server that is not listening yet. */
export function createViewerServer(options: ViewerServerOptions): Server {
  const server = createServer(
    {
      maxHeaderSize: options.headerBytes,
      // Node's own timers cost a quarter of a small hit: they are moved at every request. See closeIdle.
      keepAliveTimeout: 0,
      connectionsCheckingInterval: 1_000,
      headersTimeout: HEAD_DEADLINE_MS,
      requestTimeout: HEAD_DEADLINE_MS,
      // Checked when a request is answered, in our own form.
      requireHostHeader: false,
      joinDuplicateHeaders: true,
      optimizeEmptyRequests: true,
      noDelay: true,
    },
    options.onRequest,
  );
  server.timeout = 0;
  server.maxConnections = options.connections;
  server.on('drop', options.onConnectionRefused);
  refuseOddities(server, { 'access-control-allow-origin': '*' });
  closeIdle(server, options.idleMs);
  acceptAbsoluteForm(server);
  capPipeline(server);
  capPerAddress(server, { cap: options.connectionsPerAddress, onRefused: options.onConnectionRefused });
  return server;
}

interface Quiet {
  /** bytes moved when last looked at */
  bytes: number;
  /** sweeps since they last changed */
  sweeps: number;
}

/**
 * Closes connections on which nothing moved: one timer for all. A body that was handed over counts as moved; where that may
 * take long, `replyStored` sets the socket's own timer, which sees the queue shrink.
 */
function closeIdle(server: Server, idleMs: number): void {
  const open = new Map<Socket, Quiet>();
  server.on('connection', (socket) => {
    open.set(socket, { bytes: 0, sweeps: 0 });
    socket.once('close', () => open.delete(socket));
  });
  const timer = setInterval(() => {
    for (const [socket, quiet] of open) {
      const bytes = socket.bytesRead + socket.bytesWritten;
      quiet.sweeps = bytes === quiet.bytes ? quiet.sweeps + 1 : 0;
      quiet.bytes = bytes;
      if (quiet.sweeps >= SWEEPS && !socket.timeout) socket.destroy();
    }
  }, idleMs / SWEEPS);
  timer.unref();
  server.once('close', () => clearInterval(timer));
}
