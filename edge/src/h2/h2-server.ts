/** HTTP/2 on connections that have agreed on it. */

import { type Http2Server, type ServerHttp2Stream, constants, createServer } from 'node:http2';
import type { ViewerRequest, ViewerResponse } from '../viewer-exchange.ts';
import type { SlowBodies } from '../slow-bodies.ts';
import { H2Request, H2Response } from './h2-exchange.ts';
import { CUT_BURST, type H2Limits, H2Session, STREAM_LIMIT, SWEEP_MS } from './h2-session.ts';

interface H2Options extends H2Limits {
  readonly bodies: SlowBodies;
  readonly onRequest: (request: ViewerRequest, response: ViewerResponse) => void;
}

/** Takes connections by its `connection` event. */
export interface H2Server {
  readonly server: Http2Server;
  /** Open connections take no more streams; those that are open end. */
  close(): void;
  /** Cuts what is open. */
  destroy(): void;
}

const FIELDS_LIMIT = 100;
const WINDOW_BYTES = 64 * 1024 - 1;
/** What one connection's streams and frames may hold, in megabytes. */
const MEMORY_MB = 4;
/** Frames that RFC 9113 would have us pass over, and streams that we refuse: so many a connection, then it is closed. */
const INVALID_FRAMES = 100;
const REFUSED_STREAMS = 100;

export function createH2Server(options: H2Options): H2Server {
  const sessions = new Set<H2Session>();
  const server = createServer({
    settings: {
      maxConcurrentStreams: STREAM_LIMIT,
      maxHeaderListSize: options.headerBytes,
      initialWindowSize: WINDOW_BYTES,
    },
    maxHeaderListPairs: FIELDS_LIMIT,
    maxSessionMemory: MEMORY_MB,
    maxSessionInvalidFrames: INVALID_FRAMES,
    maxSessionRejectedStreams: REFUSED_STREAMS,
    // Below this our own count decides; above it the library's.
    streamResetBurst: 10 * CUT_BURST,
    streamResetRate: 10 * CUT_BURST,
  });
  server.on('session', (http2Session) => {
    const session = new H2Session(http2Session, options);
    sessions.add(session);
    // What goes wrong on a connection ends it, and is nobody else's.
    http2Session.on('error', () => undefined);
    http2Session.once('close', () => sessions.delete(session));
    http2Session.on('stream', (stream, _headers, _flags, fields) => {
      take(stream, fields, { session, options });
    });
  });
  const timer = setInterval(() => {
    for (const session of sessions) session.sweep();
  }, SWEEP_MS).unref();
  return {
    server,
    close() {
      clearInterval(timer);
      for (const session of sessions) session.closeGently();
    },
    destroy() {
      for (const session of sessions) session.destroy();
    },
  };
}

function take(
  stream: ServerHttp2Stream,
  fields: readonly string[],
  { session, options }: { readonly session: H2Session; readonly options: H2Options },
): void {
  stream.on('error', () => undefined);
  session.opened();
  const request = new H2Request(stream, fields, session);
  const response = new H2Response(stream, request, session);
  stream.once('close', () => session.closed(!response.writableEnded || stream.rstCode !== constants.NGHTTP2_NO_ERROR));
  // Who sends on after the answer is over is told that nobody reads it (RFC 9113 §8.1).
  if (!stream.endAfterHeaders) {
    stream.once('finish', () => stream.close(constants.NGHTTP2_NO_ERROR));
    options.bodies.watch({
      isOver: () => stream.readableEnded || stream.destroyed,
      hasUnread: () => stream.readableLength > 0,
      receivedBytes: () => request.receivedBytes,
      cut: () => response.destroy(),
    });
  }
  if (request.headers.expect === '100-continue') response.writeInformation(100, []);
  options.onRequest(request, response);
}
