/**
 * HTTP/1.1 and HTTP/2 over TLS on one port, by ALPN (RFC 7301). A server of node:https has all that bounds HTTP/1.1 on the plain
 * port as well, so it takes the connections; those that agree on `h2` are handed on. (A server of node:http2 that allows
 * HTTP/1.1 has no deadlines, header limits or answers of ours for it.)
 */

import type { ServerOptions } from 'node:http';
import { type Server, createServer } from 'node:https';
import type { Http2Server } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { Certificates } from './certificates.ts';

/** A handshake must be over by then. */
const HANDSHAKE_MS = 10_000;

/** @param h2 gets the connections that agree on HTTP/2 */
export function createSecureServer(options: ServerOptions, certificates: Certificates, h2: Http2Server): Server {
  const server = createServer({
    ...options,
    ...certificates.contextOptions,
    ALPNProtocols: ['h2', 'http/1.1'],
    handshakeTimeout: HANDSHAKE_MS,
    SNICallback: (host, answer) => answer(null, certificates.contextOf(host)),
  });
  certificates.keep(server);
  const [serveHttp1] = server.listeners('secureConnection');
  if (serveHttp1 === undefined) throw new Error('node:https listens in another way than it did');
  server.removeAllListeners('secureConnection');
  server.on('secureConnection', (socket: TLSSocket) => {
    if (socket.alpnProtocol === 'h2') h2.emit('connection', socket);
    else serveHttp1.call(server, socket);
  });
  // Nothing can be said to who has no key.
  server.removeAllListeners('tlsClientError');
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  return server;
}
