/** The HTTP server that edges talk to: its deadlines and bounds. */

import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import { listen } from '@headwater/service/listen';
import { refuseOddities } from '@headwater/service/problem-response';
import type { HttpLimits } from './config.ts';

/** A request's head must be whole by then. */
const HEAD_DEADLINE_MS = 5_000;
/** Edges keep their connections for the next part. */
const KEEP_ALIVE_MS = 65_000;

export interface HttpServer extends AsyncDisposable {
  readonly port: number;
}

interface HttpHandlers {
  readonly handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
  /** one connection too many */
  readonly onConnectionRefused: () => void;
}

/** @throws ListenError */
export async function startHttpServer(port: number, limits: HttpLimits, handlers: HttpHandlers): Promise<HttpServer> {
  const server = createServer(
    {
      maxHeaderSize: limits.maxHeaderBytes,
      headersTimeout: HEAD_DEADLINE_MS,
      requestTimeout: HEAD_DEADLINE_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: 1_000,
      noDelay: true,
    },
    (request, response) => {
      // A body is never wanted here; what comes of it is let go.
      request.resume();
      void handlers.handle(request, response);
    },
  );
  server.maxConnections = limits.maxConnections;
  server.on('drop', handlers.onConnectionRefused);
  const bound = await listen(server, { port, variable: 'HEADWATER_ORIGIN_PORT' });
  refuseOddities(server);
  return { port: bound, [Symbol.asyncDispose]: () => close(server) };
}

async function close(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  server.closeAllConnections();
  await promise;
}
