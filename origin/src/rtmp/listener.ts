/** Listens for publishers, by RTMP and by RTMPS, and holds their sessions. */

import { type Server, type Socket, createServer } from 'node:net';
import { type SecureContext, TLSSocket, createSecureContext } from 'node:tls';
import type { Clock } from '@headwater/service/clock';
import { listen } from '@headwater/service/listen';
import { ConnectionCaps } from '@headwater/service/connection-caps';
import type { Log } from '@headwater/service/log';
import type { Metrics } from '@headwater/service/metrics';
import type { TlsPair } from '@headwater/service/self-signed';
import type { PublishDesk } from '../publish.ts';
import { type Peer, type RtmpEvents, createRtmpEvents } from './rtmp-events.ts';
import { LINGER_MS, type RtmpLimits } from './rtmp-limits.ts';
import { RtmpSession } from './session.ts';

export interface RtmpListenerOptions {
  readonly port: number;
  /** RTMPS listens when both are given */
  readonly tlsPort?: number;
  readonly tls?: TlsPair;
  /** all interfaces when absent */
  readonly host?: string;
  readonly limits: RtmpLimits;
  readonly desk: PublishDesk;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly clock: Clock;
}

export interface RtmpListener extends AsyncDisposable {
  readonly port: number;
  readonly tlsPort: number | null;
}

/** How often the sessions' deadlines are looked at. */
const SWEEP_MS = 250;

/**
 * Starts listening. Disposing of the listener ends every publish and closes every connection within a second or so.
 * @throws ListenError when a port cannot be bound
 */
export async function createRtmpListener(options: RtmpListenerOptions): Promise<RtmpListener> {
  const { port, tlsPort, tls } = options;
  const interfaces = options.host === undefined ? {} : { host: options.host };
  await using opened = new AsyncDisposableStack();
  const connections = opened.use(new Connections(options));

  const plain = createServer((socket) => connections.openPlain(socket));
  const boundPort = await listen(plain, { ...interfaces, port, variable: 'HEADWATER_RTMP_PORT' });
  opened.defer(() => stopAccepting(plain));

  let boundTlsPort: number | null = null;
  if (tlsPort !== undefined && tls !== undefined) {
    const context = createSecureContext({ ...tls, minVersion: 'TLSv1.2' });
    const secure = createServer((socket) => connections.openSecure(socket, context));
    boundTlsPort = await listen(secure, { ...interfaces, port: tlsPort, variable: 'HEADWATER_RTMPS_PORT' });
    opened.defer(() => stopAccepting(secure));
  }
  const running = opened.move();
  return { port: boundPort, tlsPort: boundTlsPort, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

/** Does not wait for the connections: they are closed next. */
async function stopAccepting(server: Server): Promise<void> {
  server.close();
}

/** The open connections of both ports. */
class Connections implements AsyncDisposable {
  readonly #options: RtmpListenerOptions;
  readonly #events: RtmpEvents;
  readonly #caps: ConnectionCaps;
  readonly #sessions = new Set<RtmpSession>();
  readonly #sweep: NodeJS.Timeout;
  #count = 0;

  constructor(options: RtmpListenerOptions) {
    this.#options = options;
    this.#events = createRtmpEvents(options.log, options.metrics);
    this.#caps = new ConnectionCaps(options.limits);
    this.#sweep = setInterval(() => {
      for (const session of this.#sessions) session.checkDeadline();
    }, SWEEP_MS);
  }

  openPlain(socket: Socket): void {
    const peer = this.#admit(socket, 'rtmp');
    if (peer !== null) void this.#serve(socket, peer);
  }

  /** The session's own deadline covers the TLS handshake too. */
  openSecure(socket: Socket, secureContext: SecureContext): void {
    const peer = this.#admit(socket, 'rtmps');
    if (peer === null) return;
    const secured = new TLSSocket(socket, { isServer: true, secureContext });
    let established = false;
    secured.once('secure', () => {
      established = true;
    });
    secured.on('error', (error) => {
      if (!established) this.#events.refused(peer, 'tls_handshake', error.message);
    });
    void this.#serve(secured, peer);
  }

  #admit(socket: Socket, transport: Peer['transport']): Peer | null {
    this.#count += 1;
    // Undefined when the peer has hung up already; such a connection closes by itself.
    const peer = { connection: this.#count, address: plainAddress(socket.remoteAddress ?? ''), transport };
    const broken = this.#caps.admit(peer.address);
    if (broken === null) return peer;
    this.#events.refused(peer, broken);
    socket.destroy();
    return null;
  }

  async #serve(socket: Socket, peer: Peer): Promise<void> {
    const { limits, desk, clock } = this.#options;
    socket.setNoDelay(true);
    const session = new RtmpSession({ socket, peer, limits, desk, clock, events: this.#events });
    this.#sessions.add(session);
    await session.closed;
    this.#sessions.delete(session);
    this.#caps.release(peer.address);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#sweep);
    for (const session of this.#sessions) session.shutdown();
    const late = setTimeout(() => {
      for (const session of this.#sessions) session.destroy();
    }, LINGER_MS);
    await Promise.all([...this.#sessions].map((session) => session.closed));
    clearTimeout(late);
  }
}

/** A dual-stack socket writes IPv4 addresses as IPv6 ones. */
function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '');
}
