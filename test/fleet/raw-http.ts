/** HTTP by hand: bytes onto a socket as they are, so that a request may be as wrong as a test wants it. */

import { connect } from 'node:net';

/** An answer, or what there was of it. */
export interface RawAnswer {
  /** 0 when the connection ended with no status line */
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
  readonly tookMs: number;
}

const ANSWER_LIMIT_BYTES = 4 * 1024 * 1024;

/**
 * Sends bytes and reads one answer.
 * @throws Error when there is no whole answer within the deadline
 */
export function askRaw(url: string, request: string | Uint8Array, deadlineMs: number): Promise<RawAnswer> {
  const { hostname, port } = new URL(url);
  const startedMs = performance.now();
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let received = 0;
    const socket = connect({ host: hostname, port: Number(port) });
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`no answer within ${deadlineMs} ms, only ${JSON.stringify(Buffer.concat(chunks).toString())}`));
    }, deadlineMs);
    const settle = (): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(parseAnswer(Buffer.concat(chunks), performance.now() - startedMs));
    };
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      received += chunk.length;
      if (received > ANSWER_LIMIT_BYTES || isWhole(Buffer.concat(chunks))) settle();
    });
    // A server that refuses a request before it has read it all may reset the connection behind its answer.
    socket.on('error', () => {});
    socket.on('close', settle);
    socket.write(request);
  });
}

/** A request with the given target and headers; `connection: close` unless told otherwise. */
export function requestText(method: string, target: string, headers: Readonly<Record<string, string>> = {}): string {
  const lines = Object.entries({ host: '127.0.0.1', connection: 'close', ...headers });
  return `${method} ${target} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
}

function isWhole(bytes: Buffer): boolean {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return false;
  const length = /\r\ncontent-length: *(\d+)/i.exec(bytes.subarray(0, end).toString('latin1'))?.[1];
  return length !== undefined && bytes.length >= end + 4 + Number(length);
}

function parseAnswer(bytes: Buffer, tookMs: number): RawAnswer {
  const end = bytes.indexOf('\r\n\r\n');
  const [statusLine = '', ...lines] = bytes.subarray(0, Math.max(end, 0)).toString('latin1').split('\r\n');
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(statusLine)?.[1] ?? 0);
  let body = bytes.subarray(end + 4).toString();
  if (headers.get('transfer-encoding') === 'chunked') body = joinChunks(body);
  return { status, headers, body, tookMs };
}

function joinChunks(body: string): string {
  let out = '';
  let at = 0;
  for (;;) {
    const end = body.indexOf('\r\n', at);
    const size = Number.parseInt(body.slice(at, end), 16);
    if (end < 0 || !(size > 0)) return out;
    out += body.slice(end + 2, end + 2 + size);
    at = end + 2 + size + 2;
  }
}
