/** The viewers' listener: node:http with what a hit does not need turned off, and every limit set. */

import { type IncomingMessage, type RequestListener, type Server, type ServerOptions, createServer } from 'node:http';
import type { Server as SecureServer } from 'node:https';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { AddressCap } from '@headwater/protocol/address-cap';
import { acceptAbsoluteForm } from '@headwater/service/absolute-form';
import { closeServer, retireServer } from '@headwater/service/close-server';
import { type Others, capPerAddress } from '@headwater/service/connection-caps';
import { capPipeline } from '@headwater/service/pipeline-cap';
import { refuseOddities } from '@headwater/service/problem-response';
import type { Certificates } from './certificates.ts';
import { createH2Server } from './h2/h2-server.ts';
import { PacedResponse } from './paced-response.ts';
import { hasBody } from './request-form.ts';
import { createSecureServer } from './secure-server.ts';
import { BODY_DEADLINE_MS, type ComingBody, SlowBodies } from './slow-bodies.ts';
import type { ViewerRequest, ViewerResponse } from './viewer-exchange.ts';

interface ViewerServerOptions {
  readonly headerBytes: number;
  readonly connections: number;
  readonly connectionsPerAddress: AddressCap;
  /** whether the address of a connection may begin a TLS handshake */
  readonly mayShakeHands: (socket: Socket) => boolean;
  /** the other workers, where there are any */
  readonly others?: Others | undefined;
  /** a connection on which nothing moves for so long is closed; longer than any blocked request */
  readonly idleMs: number;
  /** null: no TLS */
  readonly certificates: Certificates | null;
  readonly onRequest: (request: ViewerRequest, response: ViewerResponse) => void;
  readonly onConnectionRefused: () => void;
}

/** A request's head must be in by then. */
const HEAD_DEADLINE_MS = 10_000;
/** Idleness is looked at so often within its limit. */
const SWEEPS = 4;

/** Takes connections when it listens. */
export interface ViewerServer {
  readonly server: Server | SecureServer;
  /** Comes back when the last connection is closed. @param answersMs answers under way have so long to end */
  close(answersMs: number): Promise<void>;
  /** The same without the loss of a request: see `retireServer`. */
  retire(withinMs: number): Promise<void>;
}

/** Plain HTTP/1.1, or with certificates HTTP/1.1 and HTTP/2 over TLS. */
export function createViewerServer(options: ViewerServerOptions): ViewerServer {
  const { certificates } = options;
  const bodies = new SlowBodies();
  if (certificates === null) {
    const server = limit(createServer(httpOptions(options)), options.onRequest, { ...options, bodies });
    return {
      server,
      close: (answersMs) => closeServer(server, answersMs),
      retire: (withinMs) => retireServer(server, withinMs),
    };
  }
  const h2 = createH2Server({ ...options, bodies });
  const answer: RequestListener = (request, response) => options.onRequest(request, new PacedResponse(response));
  const server = limit(createSecureServer(httpOptions(options), certificates, h2.server), answer, {
    ...options,
    bodies,
  });
  server.on('connection', (socket: Socket) => {
    if (socket.destroyed || options.mayShakeHands(socket)) return;
    options.onConnectionRefused();
    socket.destroy();
  });
  const end = async (http1: typeof closeServer, withinMs: number): Promise<void> => {
    h2.close();
    const late = setTimeout(() => h2.destroy(), withinMs);
    await http1(server, withinMs);
    clearTimeout(late);
  };
  return {
    server,
    close: (answersMs) => end(closeServer, answersMs),
    retire: (withinMs) => end(retireServer, withinMs),
  };
}

function httpOptions({ headerBytes }: ViewerServerOptions): ServerOptions {
  return {
    maxHeaderSize: headerBytes,
    // Node's own timers cost a quarter of a small hit: they are moved at every request. See closeIdle.
    keepAliveTimeout: 0,
    connectionsCheckingInterval: 1_000,
    headersTimeout: HEAD_DEADLINE_MS,
    // Bodies have a deadline of their own, which tells slow senders from slow upstreams.
    requestTimeout: BODY_DEADLINE_MS + HEAD_DEADLINE_MS,
    // Checked when a request is answered, in our own form.
    requireHostHeader: false,
    joinDuplicateHeaders: true,
    optimizeEmptyRequests: true,
    noDelay: true,
  };
}

interface Limits extends ViewerServerOptions {
  readonly bodies: SlowBodies;
}

function limit<S extends Server | SecureServer>(server: S, answer: RequestListener, options: Limits): S {
  const answerInTurn = inTurn(
    untilTheLast((request, response) => {
      if (hasBody(request)) options.bodies.watch(bodyOf(request, server));
      answer(request, response);
    }),
  );
  server.on('request', answerInTurn);
  server.timeout = 0;
  server.maxConnections = options.connections;
  server.on('drop', options.onConnectionRefused);
  server.once('close', () => options.bodies[Symbol.dispose]());
  refuseOddities(server, { 'access-control-allow-origin': '*' }, answerInTurn);
  closeIdle(server, options);
  acceptAbsoluteForm(server);
  capPipeline(server);
  const { connectionsPerAddress: cap, others, onConnectionRefused: onRefused } = options;
  capPerAddress(server, { cap, others, onRefused });
  return server;
}

/** RFC 9112 §9.3.2: what is sent ahead is looked at when what is before it on its connection was answered. */
function inTurn(answer: RequestListener): RequestListener {
  return (request, response) => {
    // An answer has the connection at once, unless another one has it.
    if (response.socket !== null) answer(request, response);
    else response.once('socket', () => answer(request, response));
  };
}

/** Nothing is done of what comes on a connection after the request that ends it. */
function untilTheLast(answer: RequestListener): RequestListener {
  const over = new WeakSet<Socket>();
  return (request, response) => {
    const { socket } = request;
    if (over.has(socket)) return;
    // node:http drops what came with such a request, and reads what follows from the middle.
    if (request.headers.upgrade !== undefined) response.shouldKeepAlive = false;
    answer(request, response);
    if (!response.shouldKeepAlive) over.add(socket);
  };
}

function bodyOf(request: IncomingMessage, server: Server | SecureServer): ComingBody {
  const { socket } = request;
  return {
    isOver: () => request.complete || socket.destroyed,
    hasUnread: () => request.readableLength > 0,
    receivedBytes: () => socket.bytesRead,
    // As node:http does it for its own deadlines.
    cut: () => server.emit('clientError', Object.assign(new Error(), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }), socket),
  };
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
function closeIdle(server: Server | SecureServer, { certificates, idleMs }: ViewerServerOptions): void {
  const open = new Map<Socket, Quiet>();
  server.on(certificates === null ? 'connection' : 'secureConnection', (socket: TLSSocket | Socket) => {
    // HTTP/2 looks after its own.
    if ('alpnProtocol' in socket && socket.alpnProtocol === 'h2') return;
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
