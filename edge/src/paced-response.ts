/** Answers of HTTP/1.1 over TLS: node:http's, with their bodies paced. */

import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { PacedBody } from './paced-body.ts';
import type { ViewerResponse } from './viewer-exchange.ts';

/** Eight records of TLS. */
const PIECE_BYTES = 128 * 1024;

export class PacedResponse extends EventEmitter implements ViewerResponse {
  readonly req: ServerResponse['req'];
  readonly #response: ServerResponse;
  readonly #body: PacedBody;

  constructor(response: ServerResponse) {
    super();
    this.req = response.req;
    this.#response = response;
    this.#body = new PacedBody({
      pieceBytes: () => PIECE_BYTES,
      write: (piece) => response.write(piece),
      end: (piece) => (piece === undefined ? response.end() : response.end(piece)),
    });
    response.on('drain', () => {
      if (this.#body.drained()) this.emit('drain');
    });
    response.once('close', () => {
      this.#body.drop();
      this.emit('close');
    });
  }

  get headersSent(): boolean {
    return this.#response.headersSent;
  }

  get destroyed(): boolean {
    return this.#response.destroyed;
  }

  get writableEnded(): boolean {
    return this.#body.isEnded;
  }

  get writableLength(): number {
    return this.#body.queuedBytes + this.#response.writableLength;
  }

  get copiedBytes(): number {
    return PIECE_BYTES;
  }

  get shouldKeepAlive(): boolean {
    return this.#response.shouldKeepAlive;
  }

  set shouldKeepAlive(value: boolean) {
    this.#response.shouldKeepAlive = value;
  }

  writeInformation(status: number, fields: readonly string[]): void {
    this.#response.writeInformation(status, fields);
  }

  writeHead(status: number, fields: string[]): this {
    this.#response.writeHead(status, fields);
    return this;
  }

  write(chunk: Uint8Array): boolean {
    return this.#body.write(chunk);
  }

  addTrailers(fields: readonly [string, string][]): void {
    this.#response.addTrailers(fields);
  }

  end(chunk?: Uint8Array | string): this {
    // The head goes with the first piece.
    this.#response.cork();
    this.#body.end(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
    this.#response.uncork();
    return this;
  }

  destroy(): this {
    this.#response.destroy();
    return this;
  }
}
