/**
 * One request and its response on one connection: undici's callbacks become the handler's, with a deadline for each phase.
 * Exactly one of `onEnd` and `onError` comes last, and nothing after it.
 */

import { type Dispatcher, errors } from 'undici';
import { type FieldList, membersOf, valueOf } from '../http-cache/fields.ts';
import { ClosedBeforeUse, type Connection } from './connection.ts';
import type { UpstreamHandler } from './upstream-handler.ts';
import { type UpstreamErrorCode, codeOfCause, describeCause } from './upstream-error.ts';

export interface Deadlines {
  /** from the request being sent to the final response's head */
  readonly headMs: number;
  /** nothing moves in a body while somebody waits for it */
  readonly stallMs: number;
}

export interface OutgoingRequest {
  readonly method: string;
  /** origin-form, with its query */
  readonly path: string;
  readonly fields: FieldList;
  readonly body: AsyncIterable<Uint8Array> | null;
  /** sent again it does no harm (RFC 9110 §9.2.2) */
  readonly isIdempotent: boolean;
}

export interface ExchangeEnd {
  readonly code: UpstreamErrorCode;
  readonly detail: string;
  /** something of the request may have reached the other end */
  readonly mayHaveArrived: boolean;
  /** something of a response came */
  readonly hasBegun: boolean;
}

interface ExchangeOptions {
  readonly connection: Connection;
  readonly request: OutgoingRequest;
  readonly from: string;
  readonly deadlines: Deadlines;
  readonly interimLimit: number;
  readonly handler: Pick<UpstreamHandler, 'onInformation' | 'onHead' | 'onData' | 'onEnd'>;
  readonly onFailed: (end: ExchangeEnd) => void;
}

/** RFC 9112 §6.3: how the end of a body is known. */
type Framing = 'none' | 'length' | 'chunked' | 'close';

export class Exchange {
  readonly #options: ExchangeOptions;
  #controller: Dispatcher.DispatchController | null = null;
  #timer: NodeJS.Timeout | undefined;
  #expired: UpstreamErrorCode = 'timeout_head';
  #framing: Framing = 'none';
  #interims = 0;
  #lastPiece: Buffer | null = null;
  #hasHead = false;
  #isOver = false;
  #isPaused = false;
  /** what the parser had when the reader wanted no more */
  readonly #backlog: Buffer[] = [];
  #trailers: FieldList | null = null;
  #failure: { readonly code: UpstreamErrorCode; readonly detail: string } | null = null;

  constructor(options: ExchangeOptions) {
    this.#options = options;
  }

  start(): void {
    const { connection, request, deadlines } = this.#options;
    connection.uses += 1;
    connection.inbound.expectHead();
    const { method, path, fields } = request;
    if (request.body === null) this.#arm('timeout_head', deadlines.headMs);
    const body = request.body === null ? null : this.#upload(request.body);
    connection.client.dispatch(
      // undici takes an async iterable; its types know only of streams.
      { method, path, headers: [...fields], body: body as never },
      {
        onRequestStart: (controller) => void (this.#controller = controller),
        onRequestUpgrade: (_controller, _status, _headers, socket) => void socket.destroy(),
        onResponseStart: (controller, status) => this.#onHead(status, asFields(controller.rawHeaders)),
        onResponseData: (_controller, chunk) => this.#onData(chunk),
        onResponseEnd: (controller) => this.#onEnd(asFields(controller.rawTrailers)),
        // What happens to the connection after a whole message is not the message's.
        onResponseError: (_controller, error) => void (this.#trailers === null && this.#onError(error)),
      },
    );
  }

  resume(): void {
    if (this.#isOver || !this.#isPaused) return;
    this.#isPaused = false;
    // Not from within the parser, or the reader, which call us.
    queueMicrotask(() => this.#goOn());
  }

  /** Ends it with an error of ours; its connection with it. */
  fail(code: UpstreamErrorCode, detail: string): void {
    if (this.#isOver || this.#failure !== null) return;
    this.#failure = { code, detail };
    const reason = new Error(detail);
    if (this.#controller === null) void this.#options.connection.client.destroy(reason);
    else this.#controller.abort(reason);
    this.#options.connection.close();
    this.#onError(reason);
  }

  #arm(code: UpstreamErrorCode, ms: number): void {
    if (this.#expired === code && this.#timer !== undefined) {
      this.#timer.refresh();
      return;
    }
    clearTimeout(this.#timer);
    this.#expired = code;
    this.#timer = setTimeout(() => this.fail(code, `nothing for ${ms} ms`), ms);
  }

  #disarm(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /**
   * The request's body, and when it is out, the wait for the head. Only what the other end does with it is timed: how fast a
   * viewer sends it is no fault of an origin's, and bounded where it comes in.
   */
  async *#upload(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const { deadlines } = this.#options;
    try {
      for await (const chunk of body) {
        if (this.#isOver) return;
        if (!this.#hasHead) this.#arm('stalled', deadlines.stallMs);
        yield chunk;
        if (!this.#hasHead) this.#disarm();
      }
    } catch (error) {
      this.fail('request_body', describeCause(error));
    }
    if (!this.#hasHead && !this.#isOver) this.#arm('timeout_head', deadlines.headMs);
  }

  #onHead(status: number, fields: FieldList): void {
    if (this.#isOver) return;
    const { connection, handler, from, deadlines, request, interimLimit } = this.#options;
    if (status < 100) return this.fail('protocol', `${status} is no status`);
    if (status < 200) {
      this.#interims += 1;
      if (this.#interims > interimLimit) return this.fail('too_large', `more than ${interimLimit} interim responses`);
      return handler.onInformation(status, fields);
    }
    if (connection.inbound.version === null) return this.fail('protocol', 'the response is not HTTP/1.1 or 1.0');
    const framing = framingOf(request.method, status, fields);
    if (framing === null) return this.fail('protocol', 'the body has a transfer coding other than chunked');
    this.#framing = framing;
    this.#hasHead = true;
    this.#arm('stalled', deadlines.stallMs);
    handler.onHead({ status, fields, from, isLengthKnown: framing !== 'close' });
  }

  #onData(chunk: Buffer): void {
    if (this.#isOver) return;
    this.#lastPiece = chunk;
    if (this.#isPaused || this.#backlog.length > 0) this.#backlog.push(chunk);
    else this.#handOver(chunk);
  }

  #handOver(chunk: Buffer): void {
    this.#arm('stalled', this.#options.deadlines.stallMs);
    // The reader may ask for more from within this call.
    this.#isPaused = true;
    if (this.#options.handler.onData(chunk)) this.#isPaused = false;
    if (!this.#isPaused || this.#isOver) return;
    this.#options.connection.inbound.pause();
    this.#disarm();
  }

  /** After a pause: what is here, then what comes. */
  #goOn(): void {
    while (!this.#isPaused && !this.#isOver) {
      const chunk = this.#backlog.shift();
      if (chunk !== undefined) this.#handOver(chunk);
      else {
        this.#options.connection.inbound.resume();
        // Within that call more may have come than the reader takes.
        if (this.#isPaused || this.#isOver) return;
        if (this.#trailers !== null) this.#finish(this.#trailers);
        else this.#arm('stalled', this.#options.deadlines.stallMs);
        return;
      }
    }
  }

  #onEnd(trailers: FieldList): void {
    if (this.#isOver) return;
    const { inbound, isEndedCleanly } = this.#options.connection;
    if (this.#framing === 'close' && !isEndedCleanly) {
      return this.fail('reset', 'the connection broke off, and nothing told how long the body is');
    }
    const isLonger = this.#framing === 'length' && this.#lastPiece !== null && inbound.goesOnAfter(this.#lastPiece);
    // RFC 9112 §6.1: HTTP/1.0 knows no chunks.
    const isFaulty = this.#framing === 'chunked' && inbound.version === '1.0';
    // RFC 9112 §6.3: the message ends where its length says. What follows is no response to anything, nor will be.
    if (isLonger || isFaulty) this.#options.connection.close();
    // Whoever has the connection next would wait on one that is paused.
    if (this.#isPaused || inbound.isPaused || this.#backlog.length > 0) this.#trailers = trailers;
    else this.#finish(trailers);
  }

  #finish(trailers: FieldList): void {
    this.#isOver = true;
    this.#disarm();
    this.#options.handler.onEnd(trailers);
  }

  #onError(error: unknown): void {
    if (this.#isOver) return;
    const isMismatch = error instanceof errors.ResponseContentLengthMismatchError;
    // RFC 9110 §8.6: a 304 may tell the length of what it does not send.
    if (isMismatch && this.#hasHead && this.#framing === 'none') return this.#onEnd([]);
    this.#isOver = true;
    this.#disarm();
    const { connection, onFailed } = this.#options;
    // Not from within undici's abort, which destroys the socket with an error after this: without one, undici would take the
    // end of a connection for the end of the body that it was about to give up.
    if (this.#failure === null) connection.close();
    const { code, detail } = this.#failure ?? { code: codeOfCause(error, this.#hasHead), detail: describeCause(error) };
    const isUnsent = error instanceof ClosedBeforeUse || code === 'invalid_request';
    const hasBegun = connection.inbound.hasReceived;
    onFailed({ code, detail, mayHaveArrived: !isUnsent && this.#controller !== null, hasBegun });
  }
}

/** Transfer codings that IANA has registered; nothing else has been done to a body. */
const CODINGS = /^(?:chunked|compress|deflate|gzip|x-compress|x-gzip|identity)$/;

/**
 * @returns null for a body in a coding that we did not ask for (RFC 9112 §6.1). One in a coding that there is not ends with its
 *   connection (§6.3).
 */
function framingOf(method: string, status: number, fields: FieldList): Framing | null {
  if (method === 'HEAD' || status === 204 || status === 304) return 'none';
  const coding = valueOf(fields, 'transfer-encoding');
  if (coding !== undefined) {
    if (coding.toLowerCase() === 'chunked') return 'chunked';
    return membersOf(coding.toLowerCase()).some((member) => CODINGS.test(member.split(';', 1)[0]!.trim()))
      ? null
      : 'close';
  }
  return valueOf(fields, 'content-length') === undefined ? 'close' : 'length';
}

/** As on the wire: names, values, order, duplicates; a byte is a character (RFC 9110 §5.5). */
function asFields(raw: Dispatcher.DispatchController['rawHeaders']): FieldList {
  if (!Array.isArray(raw)) return [];
  return raw.map((piece) => (typeof piece === 'string' ? piece : piece.toString('latin1')).trim());
}
