/** One connection to an origin or a parent: it is dialled here, and undici speaks HTTP/1.1 on it, one request at a time. */

import { lookup } from 'node:dns';
import type { Socket } from 'node:net';
import { Client, buildConnector } from 'undici';
import { allowedLookup } from './allowed-lookup.ts';
import { Inbound } from './inbound.ts';
import { sharedLookup } from './shared-lookup.ts';

export interface ConnectionLimits {
  readonly connectMs: number;
  /** a connection that nobody uses; less where its other end says so */
  readonly idleMs: number;
  readonly headBytes: number;
  readonly interims: number;
}

/** A connection closed while idle says so; nothing of the request that it was chosen for has been sent. */
export class ClosedBeforeUse extends Error {
  constructor() {
    super('the connection closed before it was used');
  }
}

export class Connection {
  readonly client: Client;
  readonly inbound: Inbound;
  readonly #socket: Socket;
  /** requests that it carried before */
  uses = 0;

  constructor(socket: Socket, limits: ConnectionLimits) {
    this.#socket = socket;
    this.inbound = new Inbound(socket, limits);
    let isTaken = false;
    // undici asks for TLS by itself for https: URLs; the socket speaks it already where it has to.
    this.client = new Client('http://upstream.invalid', {
      pipelining: 1,
      maxHeaderSize: limits.headBytes,
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: limits.idleMs,
      keepAliveMaxTimeout: limits.idleMs,
      keepAliveTimeoutThreshold: KEEP_ALIVE_MARGIN_MS,
      connect: (_options: unknown, callback: buildConnector.Callback) => {
        // undici goes on only when it is called back later.
        queueMicrotask(() => {
          if (isTaken || socket.destroyed) return callback(new ClosedBeforeUse(), null);
          isTaken = true;
          callback(null, socket);
        });
      },
    });
  }

  /** Whether a request may go out on it. What has come and was not read is the answer to none (RFC 9112 §9.2). */
  get isOpen(): boolean {
    const { destroyed, readable, writable, readableLength } = this.#socket;
    return !destroyed && readable && writable && readableLength === 0;
  }

  /** The other end closed it in the open, having sent all that it wanted (RFC 9112 §8). */
  get isEndedCleanly(): boolean {
    return this.#socket.readableEnded && this.#socket.errored === null;
  }

  onClose(listener: () => void): void {
    this.#socket.once('close', listener);
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** An idle connection is given up so long before its other end would: that end's news of it takes a while. */
const KEEP_ALIVE_MARGIN_MS = 1_000;

export type SocketOf = (hostname: string) => string | null;
export type Dial = (origin: URL, done: (error: Error | null, connection: Connection | null) => void) => void;

/** Of all clients of this process. */
const LOOKUP = allowedLookup(sharedLookup(lookup));

/** @param socketOf the Unix socket that a host listens on; null for one that is reached by its address */
export function createDial(limits: ConnectionLimits, socketOf: SocketOf): Dial {
  const connect = buildConnector({ timeout: limits.connectMs, keepAlive: true, lookup: LOOKUP });
  return (origin, done) => {
    const { protocol, hostname, port, host } = origin;
    const bare = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
    const socketPath = socketOf(hostname);
    const dial = socketPath === null ? connect : buildConnector({ timeout: limits.connectMs, socketPath });
    dial({ protocol, hostname: bare, host, port }, (error, socket) => {
      if (error !== null) done(error, null);
      else done(null, new Connection(socket, limits));
    });
  };
}
