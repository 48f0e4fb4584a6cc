/** A client that asks for one URL over and over on keep-alive connections and throws the bodies away. */

import { type NetConnectOpts, connect, type Socket } from 'node:net';
import { connect as connectSecurely } from 'node:tls';

/** What a reader got done. */
export interface Readings {
  readonly requests: number;
  readonly bytes: number;
  readonly seconds: number;
}

interface ReaderOptions {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
}

const RECEIVE_BUFFER_BYTES = 256 * 1024;

/**
 * Reads for a while with as many connections at once, each with one request out at a time.
 * @throws Error on any answer that is not a 200 with a Content-Length
 */
export async function readOverAndOver({ url, connections, seconds }: ReaderOptions): Promise<Readings> {
  const target = new URL(url);
  const request = Buffer.from(`GET ${target.pathname}${target.search} HTTP/1.1\r\nHost: ${target.host}\r\n\r\n`);
  // One buffer for all connections: its contents are looked at at once or never.
  const buffer = Buffer.allocUnsafe(RECEIVE_BUFFER_BYTES);
  const startedMs = performance.now();
  const untilMs = startedMs + seconds * 1000;
  const each = await Promise.all(
    Array.from({ length: connections }, () => readOnOne({ target, request, buffer, untilMs })),
  );
  const total = each.reduce((sum, one) => ({ requests: sum.requests + one.requests, bytes: sum.bytes + one.bytes }));
  return { ...total, seconds: (performance.now() - startedMs) / 1000 };
}

interface OneConnection {
  readonly target: URL;
  readonly request: Buffer;
  readonly buffer: Buffer;
  readonly untilMs: number;
}

function readOnOne(options: OneConnection): Promise<{ requests: number; bytes: number }> {
  const { target, request, buffer, untilMs } = options;
  return new Promise((resolve, reject) => {
    let requests = 0;
    let bytes = 0;
    let head = '';
    let bodyLeft = 0;
    const options: NetConnectOpts = {
      host: target.hostname,
      port: Number(target.port),
      noDelay: true,
      onread: {
        buffer,
        callback: (length: number): boolean => {
          try {
            receive(length);
          } catch (error) {
            socket.destroy();
            reject(error);
          }
          return true;
        },
      },
    };
    const isSecure = target.protocol === 'https:';
    const socket: Socket = isSecure ? connectSecurely({ ...options, rejectUnauthorized: false }) : connect(options);
    const receive = (length: number): void => {
      bytes += length;
      let bodyBytes = length;
      if (bodyLeft === 0) {
        const before = head.length;
        head += buffer.toString('latin1', 0, Math.min(length, 8_192));
        const end = head.indexOf('\r\n\r\n');
        if (end < 0) return;
        bodyLeft = bodyLength(head.slice(0, end));
        bodyBytes = length - (end + 4 - before);
        head = '';
      }
      bodyLeft -= bodyBytes;
      if (bodyLeft > 0) return;
      requests += 1;
      if (performance.now() < untilMs) socket.write(request);
      else socket.destroy();
    };
    socket.once(isSecure ? 'secureConnect' : 'connect', () => socket.write(request));
    socket.once('error', reject);
    socket.once('close', () => resolve({ requests, bytes }));
  });
}

function bodyLength(head: string): number {
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (!head.startsWith('HTTP/1.1 200') || length === undefined) throw new Error(`not a plain 200: ${head}`);
  return Number(length);
}
