/** The zone's server on UDP and TCP, with what keeps it from serving as anybody's amplifier. */

import { type RemoteInfo, type Socket, createSocket } from 'node:dgram';
import { type Server, type Socket as TcpSocket, createServer } from 'node:net';
import type { Clock } from '@headwater/service/clock';
import { capPerAddress } from '@headwater/service/connection-caps';
import { listen, listenError } from '@headwater/service/listen';
import { type DecodedPacket, type OptAnswer, type Packet, TRUNCATED_RESPONSE, decode, encode } from 'dns-packet';
import { type DnsZone, UDP_PAYLOAD_BYTES, answerDns } from './dns-answer.ts';
import { ResponseRate } from './response-rate.ts';

interface DnsServerOptions {
  readonly zone: DnsZone;
  readonly port: number;
  readonly clock: Clock;
  readonly onAnswered: (how: 'udp' | 'tcp' | 'limited' | 'malformed') => void;
}

export interface DnsServer extends AsyncDisposable {
  readonly port: number;
}

/** Without EDNS (RFC 1035 §2.3.4). */
const PLAIN_UDP_BYTES = 512;
const TCP_CONNECTIONS = 256;
/** So that nobody holds them all; a resolver asks all that it has on a few (RFC 7766 §6.2.2). */
const TCP_CONNECTIONS_PER_ADDRESS = 32;
/** Within it a question must be whole, the first as the next. */
const TCP_QUESTION_MS = 5_000;
/** No question is longer; a resolver that says otherwise is none. Over UDP that is also what we announce to take. */
const QUERY_BYTES = UDP_PAYLOAD_BYTES;
const HEAD_BYTES = 12;
/** Of a question or a record: a root name, a type and a class (RFC 1035 §4.1.2). */
const SHORTEST_BYTES = 5;

/** Answers on one port of both protocols. */
export async function startDnsServer(options: DnsServerOptions): Promise<DnsServer> {
  const open = new Set<TcpSocket>();
  const tcp = createServer((socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    serveConnection(socket, options);
  });
  tcp.maxConnections = TCP_CONNECTIONS;
  const cap = { loopback: TCP_CONNECTIONS_PER_ADDRESS, elsewhere: TCP_CONNECTIONS_PER_ADDRESS };
  capPerAddress(tcp, { cap, onRefused: () => options.onAnswered('limited') });
  const port = await listen(tcp, { port: options.port, variable: 'HEADWATER_DNS_PORT' });
  const udp = await bindUdp(port, options).catch((error: unknown) => {
    tcp.close();
    throw error;
  });
  return {
    port,
    async [Symbol.asyncDispose]() {
      const closed = close(udp, tcp);
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}

async function bindUdp(port: number, options: DnsServerOptions): Promise<Socket> {
  const socket = createSocket({ type: 'udp6', ipv6Only: false });
  const rate = new ResponseRate(options.clock);
  socket.on('message', (message, from) => {
    const response = respondUdp(message, from, { ...options, rate });
    if (response !== null) socket.send(response, from.port, from.address);
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', (cause) => reject(listenError(cause, { port, variable: 'HEADWATER_DNS_PORT' })));
    socket.bind(port, resolve);
  });
  // From here on only what one datagram does wrong.
  socket.removeAllListeners('error').on('error', () => options.onAnswered('malformed'));
  return socket;
}

/**
 * A network that asks for more than its rate is answered with truncation every other time, which costs it no more than its own
 * question did, and a true resolver comes back by TCP; the other time it is not answered.
 */
function respondUdp(
  message: Buffer,
  { address, port }: RemoteInfo,
  { zone, rate, onAnswered }: DnsServerOptions & { readonly rate: ResponseRate },
): Buffer | null {
  // From port 0 nobody wants an answer (RFC 768), and there is no sending one.
  const query = port === 0 ? null : read(message);
  const from = plain(address);
  const response = query === null ? null : answerDns(query, from, zone);
  if (query === null || response === null) {
    onAnswered('malformed');
    return null;
  }
  const verdict = rate.judge(from);
  onAnswered(verdict === 'answer' ? 'udp' : 'limited');
  if (verdict === 'drop') return null;
  if (verdict === 'truncate') return encode(truncated(response));
  const bytes = encode(response);
  return bytes.length > limitOf(query) ? encode(truncated(response)) : bytes;
}

/** RFC 6891 §7: the question, and the OPT record where there was one. */
function truncated(response: Packet): Packet {
  const edns = (response.additionals ?? []).filter((answer) => answer.type === 'OPT');
  return {
    ...response,
    flags: (response.flags ?? 0) | TRUNCATED_RESPONSE,
    answers: [],
    authorities: [],
    additionals: edns.map((answer) => ({ ...answer, options: [] })),
  };
}

function limitOf(query: DecodedPacket): number {
  const edns = query.additionals?.find((answer): answer is OptAnswer => answer.type === 'OPT');
  return Math.min(Math.max(edns?.udpPayloadSize ?? PLAIN_UDP_BYTES, PLAIN_UDP_BYTES), UDP_PAYLOAD_BYTES);
}

/** Length-prefixed queries, answered in order (RFC 7766). */
function serveConnection(socket: TcpSocket, { zone, onAnswered }: DnsServerOptions): void {
  let received = Buffer.alloc(0);
  // Not an idle time: a byte now and then would hold the connection for ever.
  const wait = (): NodeJS.Timeout => setTimeout(() => socket.destroy(), TCP_QUESTION_MS);
  let patience = wait();
  socket.once('close', () => clearTimeout(patience));
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk) => {
    received = Buffer.concat([received, chunk]);
    while (received.length >= 2) {
      const length = received.readUInt16BE(0);
      if (length > QUERY_BYTES) return void socket.destroy();
      if (received.length < 2 + length) return;
      const query = read(received.subarray(2, 2 + length));
      received = received.subarray(2 + length);
      const response = query === null ? null : answerDns(query, plain(socket.remoteAddress ?? ''), zone);
      onAnswered(response === null ? 'malformed' : 'tcp');
      // Who does not read its answers gets no more of them.
      if (response === null || !socket.write(framed(response))) return void socket.destroy();
      clearTimeout(patience);
      patience = wait();
    }
  });
}

function framed(response: Packet): Buffer {
  const bytes = encode(response);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function read(message: Buffer): DecodedPacket | null {
  if (message.length > QUERY_BYTES || !hasRoom(message)) return null;
  try {
    return decode(message);
  } catch {
    return null;
  }
}

/** Whether a message can hold what its head counts: room is made for that before any of it is read. */
function hasRoom(message: Buffer): boolean {
  if (message.length < HEAD_BYTES) return false;
  const counted = [4, 6, 8, 10].reduce((sum, at) => sum + message.readUInt16BE(at), 0);
  return counted * SHORTEST_BYTES <= message.length - HEAD_BYTES;
}

function plain(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
}

async function close(udp: Socket, tcp: Server): Promise<void> {
  const closed = Promise.all([
    new Promise<void>((resolve) => udp.close(resolve)),
    new Promise<void>((resolve) => tcp.close(() => resolve())),
  ]);
  await closed;
}
