/**
 * What a connection brings, before undici's parser sees it. A server may send 100 to a client that did not ask for it, and
 * that client must pass over it (RFC 9110 §15.2.1); the parser takes it for the end of the connection. Only here is it seen
 * that bytes came after the end of a response. And a reader's pause stops here: the parser's own pause throws where nobody
 * catches it when the connection ends meanwhile.
 */

import type { Socket } from 'node:net';

const EMPTY: Buffer = Buffer.alloc(0);
const STATUS_LINE_BYTES = 'HTTP/1.1 100'.length;
const VERSION = /^HTTP\/1\.([01]) /;
const HEAD_END = '\r\n\r\n';
/** Where some would see the end of a line, and of a head. */
const BARE_LINE_FEED = /(?<!\r)\n/;

export class Inbound {
  readonly #socket: Socket;
  readonly #headLimitBytes: number;
  readonly #interimLimit: number;
  #held = EMPTY;
  #isAwaitingHead = false;
  #isPaused = false;
  #continues = 0;
  #last = EMPTY;
  /** Whether anything came since the last {@link expectHead}. */
  hasReceived = false;
  /** Which version of HTTP/1 the final response says that it is; null for another, which the parser lets pass. */
  version: '1.0' | '1.1' | null = null;

  constructor(socket: Socket, limits: { readonly headBytes: number; readonly interims: number }) {
    this.#socket = socket;
    this.#headLimitBytes = limits.headBytes;
    this.#interimLimit = limits.interims;
    const read = socket.read.bind(socket) as (size?: number) => Buffer | null;
    socket.read = (size?: number): Buffer | null => {
      if (size === 0) return read(0);
      return this.#isPaused ? null : this.#take(read(size));
    };
  }

  /** A request goes out: the next bytes are a response's. */
  expectHead(): void {
    this.#isAwaitingHead = true;
    this.#continues = 0;
    this.hasReceived = false;
  }

  /** No more goes to the parser; what it has, up to one piece, still comes. */
  pause(): void {
    this.#isPaused = true;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  resume(): void {
    this.#isPaused = false;
    this.#socket.emit('readable');
  }

  /** Whether more came with the piece of a body that ends here. */
  goesOnAfter(piece: Buffer): boolean {
    return (
      piece.buffer === this.#last.buffer && piece.byteOffset + piece.length < this.#last.byteOffset + this.#last.length
    );
  }

  #take(chunk: Buffer | null): Buffer | null {
    if (chunk === null) return null;
    this.hasReceived = true;
    if (this.#isAwaitingHead) {
      const heads = this.#passOver(this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]));
      this.#last = heads;
      return heads.length === 0 ? null : heads;
    }
    this.#last = chunk;
    return chunk;
  }

  /** Everything up to the final response's head, but for 100s, and what follows it; holds back what cannot be told yet. */
  #passOver(data: Buffer): Buffer {
    const passed: Buffer[] = [];
    let at = 0;
    for (;;) {
      const isKnown = data.length - at >= STATUS_LINE_BYTES;
      const status = isKnown ? data.toString('latin1', at + 8, at + STATUS_LINE_BYTES) : '';
      if (isKnown && !status.startsWith(' 1')) break;
      const end = isKnown ? data.indexOf(HEAD_END, at, 'latin1') : -1;
      if (end === -1) {
        if (data.length - at > this.#headLimitBytes) break;
        this.#held = data.subarray(at);
        return Buffer.concat(passed);
      }
      const next = end + HEAD_END.length;
      if (status !== ' 100') passed.push(data.subarray(at, next));
      // The parser has its say about a head that could end in two places.
      else if (BARE_LINE_FEED.test(data.toString('latin1', at, next))) break;
      else if ((this.#continues += 1) > this.#interimLimit) break;
      at = next;
    }
    const minor = VERSION.exec(data.toString('latin1', at, at + STATUS_LINE_BYTES))?.[1];
    this.version = minor === undefined ? null : minor === '0' ? '1.0' : '1.1';
    this.#isAwaitingHead = false;
    this.#held = EMPTY;
    passed.push(data.subarray(at));
    return passed.length === 1 ? data.subarray(at) : Buffer.concat(passed);
  }
}
