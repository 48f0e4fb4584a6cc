/** A client of HTTP/2 for tests that writes any frames (RFC 9113 §4.1) and reports those that come back. */

import { once } from 'node:events';
import { type TLSSocket, connect } from 'node:tls';

export const FRAME = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;
export const END_STREAM = 1;
export const ACK = 1;
export const END_HEADERS = 4;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const HEAD_BYTES = 9;

export function frame(type: number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Literal fields, not indexed, not compressed (RFC 7541 §6.2.2). */
export function block(fields: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.of(0), literal(name), literal(value)]));
}

function literal(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  if (bytes.length < 127) return Buffer.concat([Buffer.of(bytes.length), bytes]);
  const size = [127];
  let rest = bytes.length - 127;
  for (; rest >= 128; rest >>= 7) size.push((rest & 127) | 128);
  return Buffer.concat([Buffer.from([...size, rest]), bytes]);
}

export function get(path: string, ...more: readonly (readonly [string, string])[]): Buffer {
  return block([[':method', 'GET'], [':scheme', 'https'], [':authority', 'edge.example'], [':path', path], ...more]);
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A setting's id and value (RFC 9113 §6.5.1). */
export function setting(id: number, value: number): Buffer {
  return Buffer.concat([Buffer.of(0, id), uint32(value)]);
}
export const INITIAL_WINDOW = 4;

export class RawH2 implements Disposable {
  readonly socket: TLSSocket;
  readonly frames: Frame[] = [];
  /** whether the connection is over */
  isClosed = false;
  #rest = Buffer.alloc(0);

  private constructor(socket: TLSSocket) {
    this.socket = socket;
    socket.on('error', () => undefined);
    socket.once('close', () => (this.isClosed = true));
    socket.on('data', (bytes: Buffer) => this.#read(bytes));
  }

  /** @param settings what the client says of itself */
  static async open(port: number, settings: Buffer = Buffer.alloc(0)): Promise<RawH2> {
    const socket = connect({ port, host: '127.0.0.1', ALPNProtocols: ['h2'], rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    socket.setNoDelay(true);
    const client = new RawH2(socket);
    client.send(PREFACE, frame(FRAME.settings, 0, 0, settings));
    return client;
  }

  send(...frames: readonly Buffer[]): void {
    if (!this.socket.destroyed) this.socket.write(Buffer.concat(frames));
  }

  /** A whole request without a body. */
  ask(stream: number, fields: Buffer): void {
    this.send(frame(FRAME.headers, END_HEADERS | END_STREAM, stream, fields));
  }

  of(type: number, stream?: number): readonly Frame[] {
    return this.frames.filter((seen) => seen.type === type && (stream === undefined || seen.stream === stream));
  }

  /** Waits for something that frames or the connection's end bring about. */
  async until(what: string, isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      if (this.isClosed) throw new Error(`the connection is over before ${what}`);
      await new Promise<void>((resolve) => {
        const go = (): void => {
          this.socket.off('data', go).off('close', go);
          setImmediate(resolve);
        };
        this.socket.once('data', go).once('close', go);
      });
    }
  }

  /** Waits until the connection is over. @returns the code of the last GOAWAY (RFC 9113 §6.8), null without one */
  async closed(): Promise<number | null> {
    if (!this.isClosed) await once(this.socket, 'close');
    return this.of(FRAME.goaway).at(-1)?.payload.readUInt32BE(4) ?? null;
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }

  #read(bytes: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    while (this.#rest.length >= HEAD_BYTES) {
      const size = this.#rest.readUIntBE(0, 3);
      if (this.#rest.length < HEAD_BYTES + size) return;
      const [type = 0, flags = 0] = this.#rest.subarray(3, 5);
      const stream = this.#rest.readUInt32BE(5) & 0x7fffffff;
      this.frames.push({ type, flags, stream, payload: this.#rest.subarray(HEAD_BYTES, HEAD_BYTES + size) });
      this.#rest = this.#rest.subarray(HEAD_BYTES + size);
    }
  }
}
