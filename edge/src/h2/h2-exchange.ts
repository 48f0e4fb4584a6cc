/** A stream of HTTP/2 as serving sees it: a request, its answer, and what carries both. */

import { EventEmitter } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http';
import { type OutgoingHttpHeaders, type ServerHttp2Stream, constants } from 'node:http2';
import { PacedBody } from '../paced-body.ts';
import type { ViewerRequest, ViewerResponse, ViewerSocket } from '../viewer-exchange.ts';
import type { H2Session } from './h2-session.ts';

/** A stream's share of what its connection holds at once, divided among the streams that are open; a frame each at least. */
const PIECES_BYTES = 256 * 1024;
const FRAME_BYTES = 16 * 1024;

/** Fields of HTTP/1.1's connections, which HTTP/2 forbids (RFC 9113 §8.2.2). */
const OF_CONNECTIONS = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade']);
const HAVE_NO_BODY = new Set([204, 205, 304]);

/** What carries one request and its answer. */
class H2Socket implements ViewerSocket {
  readonly #stream: ServerHttp2Stream;
  readonly shared: H2Session;
  timeout: number | undefined;

  constructor(stream: ServerHttp2Stream, session: H2Session) {
    this.#stream = stream;
    this.shared = session;
  }

  get remoteAddress(): string | undefined {
    return this.shared.remoteAddress;
  }

  get destroyed(): boolean {
    return this.#stream.closed || this.#stream.destroyed;
  }

  setTimeout(ms: number): void {
    this.timeout = ms;
    this.#stream.setTimeout(ms, () => this.destroy());
  }

  /** RFC 9113 §8.1: a stream that is reset is not over, so what came of it is not taken for the whole. */
  destroy(): void {
    if (!this.destroyed) this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  }
}

export class H2Request implements ViewerRequest {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly httpVersion = '2.0';
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly socket: H2Socket;
  /** of its body, as far as it was taken */
  receivedBytes = 0;
  readonly #stream: ServerHttp2Stream;

  constructor(stream: ServerHttp2Stream, fields: readonly string[], session: H2Session) {
    const read = readFields(fields, stream.endAfterHeaders);
    this.#stream = stream;
    this.method = read.method;
    this.url = read.path;
    this.headers = read.headers;
    this.rawHeaders = read.rawHeaders;
    this.socket = new H2Socket(stream, session);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for await (const chunk of this.#stream) {
      this.socket.shared.took((chunk as Buffer).length);
      this.receivedBytes += (chunk as Buffer).length;
      yield chunk as Buffer;
    }
  }
}

interface ReadFields {
  method: string | undefined;
  path: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: string[];
}

/** As node:http reads them with `joinDuplicateHeaders`. */
function readFields(fields: readonly string[], endsHere: boolean): ReadFields {
  const read: ReadFields = { method: undefined, path: undefined, headers: Object.create(null) as {}, rawHeaders: [] };
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const [name = '', value = ''] = [fields[at], fields[at + 1]];
    if (name === ':method') read.method = value;
    else if (name === ':path') read.path = value;
    else if (name === ':authority') addField(read, 'host', value);
    else if (!name.startsWith(':')) addField(read, name, value);
  }
  const { headers } = read;
  // What says in HTTP/1.1 that a body of unknown length follows.
  if (!endsHere && headers['content-length'] === undefined) headers['transfer-encoding'] = 'chunked';
  return read;
}

function addField({ headers, rawHeaders }: ReadFields, name: string, value: string): void {
  const before = headers[name] as string | undefined;
  // RFC 9113 §8.3.1: Host says the same as the authority, or the request is malformed.
  if (name === 'host' && before === value) return;
  // RFC 9113 §8.2.3: a cookie may come in crumbs, and is put together before HTTP/1.1 has it.
  const isCrumb = name === 'cookie' && before !== undefined;
  const whole = before === undefined ? value : `${before}${isCrumb ? '; ' : ', '}${value}`;
  if (isCrumb) rawHeaders[rawHeaders.findIndex((field, at) => at % 2 === 0 && field === name) + 1] = whole;
  else rawHeaders.push(name, value);
  headers[name] = whole;
}

export class H2Response extends EventEmitter implements ViewerResponse {
  readonly req: H2Request;
  readonly #stream: ServerHttp2Stream;
  readonly #session: H2Session;
  shouldKeepAlive = true;
  readonly #body: PacedBody;
  readonly #mayEnd: () => void;
  #head: string[] | null = null;
  /** nothing follows the head */
  #isBare = false;
  #hasResponded = false;
  #isEnded = false;
  #trailers: OutgoingHttpHeaders = {};

  constructor(stream: ServerHttp2Stream, request: H2Request, session: H2Session) {
    super();
    this.req = request;
    this.#stream = stream;
    this.#session = session;
    const mayEnd = (this.#mayEnd = endOnlyWhole(stream));
    this.#body = new PacedBody({
      pieceBytes: () => this.copiedBytes,
      write(piece) {
        session.sent(piece.length);
        return stream.write(piece);
      },
      end(piece) {
        session.sent(piece?.length ?? 0);
        mayEnd();
        if (piece === undefined) stream.end();
        else stream.end(piece);
      },
    });
    stream.on('drain', () => {
      if (this.#body.drained()) this.emit('drain');
    });
    stream.once('close', () => this.#onClose());
  }

  get headersSent(): boolean {
    return this.#head !== null;
  }

  get destroyed(): boolean {
    return this.req.socket.destroyed;
  }

  get writableEnded(): boolean {
    return this.#isEnded;
  }

  get writableLength(): number {
    return this.#body.queuedBytes + this.#stream.writableLength;
  }

  get copiedBytes(): number {
    return Math.max(FRAME_BYTES, Math.floor(PIECES_BYTES / Math.max(1, this.#session.openStreams)));
  }

  writeInformation(status: number, fields: readonly string[]): void {
    if (this.headersSent || this.destroyed) return;
    const list = { [constants.HTTP2_HEADER_STATUS]: status };
    this.#stream.additionalHeaders({ ...list, ...asObject(withoutConnection(fields)) });
  }

  writeHead(status: number, fields: readonly string[]): this {
    if (this.#head !== null) throw new Error('the head is written already');
    this.#head = [':status', String(status), ...withoutConnection(fields)];
    this.#isBare = this.req.method === 'HEAD' || HAVE_NO_BODY.has(status);
    return this;
  }

  write(chunk: Uint8Array): boolean {
    if (this.destroyed || this.#isBare) return true;
    this.#respond(false);
    return this.#body.write(chunk);
  }

  addTrailers(fields: readonly (readonly [string, string])[]): void {
    this.#trailers = asObject(fields.flat());
  }

  end(chunk?: Uint8Array | string): this {
    if (this.#isEnded || this.destroyed) return this;
    this.#isEnded = true;
    const hasBody = !this.#isBare && (this.#hasResponded || (chunk !== undefined && chunk.length > 0));
    this.#respond(!hasBody);
    if (hasBody) this.#body.end(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
    return this;
  }

  destroy(): this {
    this.req.socket.destroy();
    return this;
  }

  #respond(endStream: boolean): void {
    if (this.#hasResponded || this.destroyed) return;
    this.#hasResponded = true;
    const head = this.#head ?? [':status', '200'];
    this.#head = head;
    // Trailers can follow what has no length, as in HTTP/1.1.
    const waitForTrailers = !endStream && !head.some((name, at) => at % 2 === 0 && /^content-length$/i.test(name));
    if (endStream) this.#mayEnd();
    if (waitForTrailers) this.#stream.once('wantTrailers', () => this.#stream.sendTrailers(this.#trailers));
    this.#stream.respond(head, { endStream, waitForTrailers });
  }

  #onClose(): void {
    this.#body.drop();
    if (!this.shouldKeepAlive) this.#session.closeGently();
    this.emit('close');
  }
}

/**
 * A stream of node:http2 that is closed or destroyed, by whomever, ends first if it has not, and a body that is cut looks whole
 * then. So it ends only when it is told that all of it was handed over.
 * @returns to be called before the last piece
 */
function endOnlyWhole(stream: ServerHttp2Stream): () => void {
  const end = stream.end.bind(stream);
  stream.end = () => {
    // After the reset that it was called for.
    process.nextTick(() => stream.destroy());
    return stream;
  };
  return () => {
    stream.end = end;
  };
}

function withoutConnection(fields: readonly string[]): string[] {
  const kept: string[] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const [name = '', value = ''] = [fields[at], fields[at + 1]];
    if (!OF_CONNECTIONS.has(name.toLowerCase())) kept.push(name, value);
  }
  return kept;
}

function asObject(fields: readonly string[]): OutgoingHttpHeaders {
  const object: Record<string, string | string[]> = {};
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const [name = '', value = ''] = [fields[at], fields[at + 1]];
    const before = object[name.toLowerCase()];
    object[name.toLowerCase()] = before === undefined ? value : [before, value].flat();
  }
  return object;
}
