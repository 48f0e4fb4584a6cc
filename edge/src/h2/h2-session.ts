/**
 * What one connection of HTTP/2 may do. Frames cost their sender next to nothing: so many come of one connection as belong to its
 * requests, and a few more; streams that end before their answers are counted, whoever resets them (CVE-2023-44487,
 * CVE-2025-8671); a connection without streams is closed, however many pings it sends.
 */

import { type ServerHttp2Session, constants } from 'node:http2';

export interface H2Limits {
  /** a request's fields; also what its frames may weigh besides its body */
  readonly headerBytes: number;
  /** a connection on which no stream moves for so long is closed */
  readonly idleMs: number;
}

/** Connections are looked at so often. */
export const SWEEP_MS = 1_000;
/** RFC 9113 §6.5.2 would have no fewer. */
export const STREAM_LIMIT = 100;
/** Streams that ended before their answers: so many at once, and so many more in each sweep. A player that seeks cuts some. */
export const CUT_BURST = 100;
const CUTS_PER_SWEEP = 20;
/** Frames that belong to no request: so many bytes in each sweep, and so many ahead. */
const FRAMES_PER_SWEEP_BYTES = 64 * 1024;
const FRAMES_BURST_BYTES = 256 * 1024;
/** What records and frames weigh besides what they carry. */
const STREAM_OVERHEAD_BYTES = 1_024;
/** A body in small frames weighs twice what it carries at the most. */
const BODY_WEIGHT = 2;
/** Windows are opened by the half; a frame that does it is 13 bytes and a record's weight. */
const SENT_PER_BYTE = 64;

export class H2Session {
  readonly remoteAddress: string | undefined;
  readonly #session: ServerHttp2Session;
  readonly #limits: H2Limits;
  openStreams = 0;
  #cuts = 0;
  #seenBytes = 0;
  /** bytes that came and no request accounts for */
  #strayBytes = 0;
  /** bytes that the requests since the last sweep account for */
  #dueBytes = 0;
  #hasMoved = true;
  #quietSweeps = 0;

  constructor(session: ServerHttp2Session, limits: H2Limits) {
    this.#session = session;
    this.#limits = limits;
    this.remoteAddress = session.socket.remoteAddress;
  }

  opened(): void {
    this.openStreams += 1;
    this.#hasMoved = true;
    this.#dueBytes += this.#limits.headerBytes + STREAM_OVERHEAD_BYTES;
  }

  /** @param cut before its answer was over */
  closed(cut: boolean): void {
    this.openStreams -= 1;
    this.#hasMoved = true;
    if (!cut) return;
    this.#cuts += 1;
    if (this.#cuts > CUT_BURST) this.#endWith(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }

  /** Of a request's body. */
  took(bytes: number): void {
    this.#hasMoved = true;
    this.#dueBytes += bytes * BODY_WEIGHT;
  }

  /** Of answers. */
  sent(bytes: number): void {
    this.#hasMoved = true;
    this.#dueBytes += bytes / SENT_PER_BYTE;
  }

  /** No more streams; those that are open end (RFC 9113 §6.8). */
  closeGently(): void {
    if (!this.#session.closed && !this.#session.destroyed) this.#session.close();
  }

  destroy(): void {
    if (!this.#session.destroyed) this.#session.destroy();
  }

  sweep(): void {
    if (this.#session.destroyed) return;
    this.#cuts = Math.max(0, this.#cuts - CUTS_PER_SWEEP);
    const { bytesRead } = this.#session.socket;
    const stray = this.#strayBytes + bytesRead - this.#seenBytes - this.#dueBytes - FRAMES_PER_SWEEP_BYTES;
    this.#seenBytes = bytesRead;
    this.#dueBytes = 0;
    this.#strayBytes = Math.max(0, stray);
    this.#quietSweeps = this.#hasMoved ? 0 : this.#quietSweeps + 1;
    this.#hasMoved = false;
    if (this.#strayBytes > FRAMES_BURST_BYTES) return this.#endWith(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    if (this.#quietSweeps * SWEEP_MS < this.#limits.idleMs) return;
    this.#endWith(constants.NGHTTP2_NO_ERROR);
  }

  /** Streams that are open are cut: each is reset, none ends. */
  #endWith(code: number): void {
    if (!this.#session.destroyed) this.#session.destroy(new Error('the connection is ended'), code);
  }
}
