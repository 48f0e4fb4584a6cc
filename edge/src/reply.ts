/** Answers on node:http: one raw header array and, for a whole body, one write. */

import { EDGE_ID } from '@headwater/protocol/headers';
import { PROBLEM_MEDIA_TYPE, PROBLEM_STATUS, type ProblemCode, problem } from '@headwater/protocol/problem';
import type { Fill } from './fill.ts';
import { formatCacheStatus } from './http-cache/cache-status.ts';
import { listsTag } from './http-cache/entity-tag.ts';
import { type ByteRange, parseRanges } from './http-cache/ranges.ts';
import type { Stored } from './stored.ts';
import type { Unsent } from './unsent.ts';
import type { ViewerRequest, ViewerResponse } from './viewer-exchange.ts';

/** A request on its way to its answer. */
export interface Exchange {
  readonly request: ViewerRequest;
  readonly response: ViewerResponse;
  /** the answer is one viewer's: shared caches keep their hands off */
  isPrivate: boolean;
  /** a media object was asked for: see `softenForMedia` */
  isMedia: boolean;
  readonly unsent: Unsent;
}

/** What an edge did for an answer, as Cache-Status says it (RFC 9211). */
export interface CacheStatuses {
  readonly hit: string;
  readonly miss: string;
  readonly joined: string;
  readonly blocked: string;
}

const CACHE_STATUS = 'Cache-Status';

/** Added when the cache has it by then (RFC 9211 §2.5); of what is still growing nobody knows. */
export const STATUS_STORED = '; stored';

/** The statuses under an edge's name; made once. */
export function cacheStatuses(edgeId: string): CacheStatuses {
  return {
    hit: `"${edgeId}"; hit`,
    miss: `"${edgeId}"; fwd=uri-miss`,
    joined: `"${edgeId}"; fwd=uri-miss; collapsed`,
    blocked: `"${edgeId}"; hit; detail=blocked`,
  };
}

/** What is said of an answer besides its body. */
export interface Telling {
  readonly edgeId: string;
  /** the value of Cache-Status */
  readonly cacheStatus: string;
  /** the value of Server-Timing */
  readonly timing: string;
  /** the value of Age (RFC 9111 §5.1), where the answer came out of the cache */
  readonly age?: string;
  /** directives of Cache-Control, without `public` or `private` */
  readonly freshness: string;
  /** further header fields, flat */
  readonly more?: readonly string[];
}

/** Media never changes under its name. */
export const IMMUTABLE = 'max-age=31536000, immutable';
export const NO_STORE = 'no-store';
export const TIMING_HIT = 'cache;desc=hit';

/** Handed over at once, and taken by any line that plays video within an idle limit. */
export const LONG_BODY_BYTES = 256 * 1024;
const QUEUE_STILL_MS = 30_000;

// Every field: for requests without credentials `*` is a wildcard (Fetch standard §3.2.5).
const EXPOSED = '*';
const ALLOWED_METHODS = 'GET, HEAD, OPTIONS';
const CORS = ['Access-Control-Allow-Origin', '*', 'Access-Control-Expose-Headers', EXPOSED, 'Timing-Allow-Origin', '*'];
/** A viewer that is told to come back later comes back in a second. */
const RETRY_AFTER_S = '1';

/**
 * A whole object: all of it, the range that was asked for, or the news that the viewer has it already.
 * @returns how many bytes of it are sent
 */
export function replyStored(exchange: Exchange, stored: Stored, telling: Telling): number {
  const { request, response } = exchange;
  const { headers } = request;
  const size = stored.body.length;
  if (headers['if-match'] !== undefined && !listsTag(headers['if-match'], stored.etag, 'strong')) {
    replyProblem(exchange, 'precondition_failed', { edgeId: telling.edgeId });
    return 0;
  }
  if (headers['if-none-match'] !== undefined && listsTag(headers['if-none-match'], stored.etag, 'weak')) {
    response.writeHead(304, ['ETag', stored.etag, ...told(exchange, telling)]);
    response.end();
    return 0;
  }
  const range = rangeOf(exchange, stored.etag, size);
  switch (range) {
    case 'whole':
      if (size > LONG_BODY_BYTES) watchQueue(exchange);
      response.writeHead(200, [...described(stored, size), ...told(exchange, telling)]);
      if (request.method === 'HEAD') {
        response.end();
        return 0;
      }
      response.end(stored.body);
      exchange.unsent.add(stored, stored.body.length, response);
      return size;
    case 'unsatisfiable':
      replyProblem(exchange, 'bad_range', { edgeId: telling.edgeId, more: ['Content-Range', `bytes */${size}`] });
      return 0;
    default: {
      const [firstByte, lastByte] = range;
      const span = `bytes ${firstByte}-${lastByte}/${size}`;
      if (lastByte - firstByte > LONG_BODY_BYTES) watchQueue(exchange);
      const head = [...described(stored, lastByte - firstByte + 1), 'Content-Range', span, ...told(exchange, telling)];
      response.writeHead(206, head);
      response.end(stored.body.subarray(firstByte, lastByte + 1));
      exchange.unsent.add(stored, stored.body.length, response);
      return lastByte - firstByte + 1;
    }
  }
}

/** A body that a slow line takes long for: the connection is closed when its queue stands still, not before. */
export function watchQueue({ request: { socket } }: Exchange): void {
  if (!socket.timeout) socket.setTimeout(QUEUE_STILL_MS);
}

/**
 * RFC 9110 §14.2: only GET has ranges, and several at once, which no player asks for, are not looked at; §13.1.5: a range of
 * another version is no use, so the whole is sent.
 */
function rangeOf({ request }: Exchange, etag: string, sizeBytes: number): ByteRange | 'whole' | 'unsatisfiable' {
  const { range } = request.headers;
  if (range === undefined || request.method !== 'GET') return 'whole';
  const condition = request.headers['if-range'];
  if (condition !== undefined && condition !== etag) return 'whole';
  const requested = parseRanges(range, sizeBytes);
  if (requested.kind !== 'ranges') return requested.kind;
  return requested.ranges.length === 1 ? requested.ranges[0]! : 'whole';
}

/** Whether the answer depends on the whole object, so that it cannot be sent while it is filled. */
export function wantsWhole({ request }: Exchange): boolean {
  const { headers, method, httpVersion } = request;
  // HTTP/1.0 knows no chunks: an answer that is cut would look like a whole one (RFC 9112 §6.3).
  if (method !== 'GET' || httpVersion === '1.0') return true;
  return [headers.range, headers['if-none-match'], headers['if-match']].some((field) => field !== undefined);
}

/**
 * Sends an object while it is filled, at this reader's pace. If the fill fails the connection is cut: a short body must never
 * look like a whole one.
 * @returns how many bytes were sent, once all is over
 */
export function replyGrowing(
  exchange: Exchange,
  fill: Fill,
  about: { readonly mediaType: string; readonly etag: string; readonly telling: Telling },
): Promise<{ readonly bytes: number; readonly whole: boolean }> {
  const { response } = exchange;
  const { mediaType, etag, telling } = about;
  watchQueue(exchange);
  const length = fill.expectedBytes === null ? [] : ['Content-Length', String(fill.expectedBytes)];
  response.writeHead(200, ['Content-Type', mediaType, ...length, 'ETag', etag, ...told(exchange, telling)]);
  return new Promise((resolve) => {
    let bytes = 0;
    let isBlocked = false;
    const leave = (whole: boolean): void => {
      fill.unwatch(pump);
      response.off('drain', onDrain);
      response.off('close', onClose);
      resolve({ bytes, whole });
    };
    const onClose = (): void => leave(false);
    const onDrain = (): void => {
      isBlocked = false;
      pump();
    };
    function pump(): void {
      const { result } = fill;
      if (result !== null) return result.ok ? finish(result.stored) : cut();
      if (isBlocked || bytes === fill.filledBytes) return;
      const piece = fill.read(bytes);
      bytes += piece.length;
      isBlocked = !response.write(piece);
    }
    /** However slow the reader is, the rest of a whole object can wait in its queue: it holds no fill and no waiter's place. */
    function finish(stored: Stored): void {
      const rest = stored.body.subarray(bytes);
      bytes = stored.body.length;
      leave(true);
      response.end(rest);
      exchange.unsent.add(stored, stored.body.length, response);
    }
    function cut(): void {
      leave(false);
      response.destroy();
    }
    response.on('drain', onDrain);
    response.on('close', onClose);
    fill.watch(pump);
    pump();
  });
}

interface ProblemTelling {
  readonly edgeId: string;
  readonly detail?: string;
  /** further header fields, flat */
  readonly more?: readonly string[];
}

/** An error (RFC 9457). An answer that has already begun cannot be changed, so its connection is cut. */
export function replyProblem({ request, response }: Exchange, code: ProblemCode, telling: ProblemTelling): number {
  const status = PROBLEM_STATUS[code];
  if (response.headersSent) {
    response.destroy();
    return status;
  }
  const body = Buffer.from(JSON.stringify(problem(code, telling.detail)));
  const head = ['Content-Type', PROBLEM_MEDIA_TYPE, 'Content-Length', String(body.length), 'Cache-Control', NO_STORE];
  if (status === 429 || status === 503) head.push('Retry-After', RETRY_AFTER_S);
  const { edgeId, more = [] } = telling;
  if (!more.includes(CACHE_STATUS)) {
    head.push(CACHE_STATUS, formatCacheStatus(edgeId, { kind: 'own', detail: code }, undefined));
  }
  response.writeHead(status, [...head, ...CORS, EDGE_ID, edgeId, ...more]);
  response.end(request.method === 'HEAD' ? undefined : body);
  return status;
}

/** Nothing more is read from the connection. HTTP/2's streams are told apart whatever stands in them. */
export function endConnection({ request, response }: Exchange): void {
  if (request.socket.shared === undefined) response.shouldKeepAlive = false;
}

/** A method that nothing here has (RFC 9110 §15.5.6). */
export function replyWrongMethod(exchange: Exchange, edgeId: string): number {
  return replyProblem(exchange, 'method_not_allowed', { edgeId, more: ['Allow', ALLOWED_METHODS] });
}

/** A preflight (Fetch standard §3.2.2): whatever a player adds, the request itself decides. */
export function replyPreflight({ response }: Exchange, edgeId: string): number {
  response.writeHead(204, [
    'Access-Control-Allow-Methods',
    ALLOWED_METHODS,
    'Access-Control-Allow-Headers',
    '*, Authorization',
    'Access-Control-Max-Age',
    '86400',
    'Allow',
    ALLOWED_METHODS,
    ...CORS,
    EDGE_ID,
    edgeId,
  ]);
  response.end();
  return 204;
}

/** Alive, or ready. */
export function replyHealthy({ request, response }: Exchange, edgeId: string): number {
  const body = '{"status":"ok"}';
  const head = ['Content-Type', 'application/json', 'Content-Length', String(body.length), 'Cache-Control', NO_STORE];
  response.writeHead(200, [...head, EDGE_ID, edgeId]);
  response.end(request.method === 'HEAD' ? undefined : body);
  return 200;
}

/** A short text that is made at each request: the time, or a steering manifest. */
export function replyText(
  { request, response }: Exchange,
  edgeId: string,
  {
    mediaType,
    body,
    more = [],
  }: { readonly mediaType: string; readonly body: string; readonly more?: readonly string[] },
): number {
  const length = String(Buffer.byteLength(body));
  const head = ['Content-Type', mediaType, 'Content-Length', length, 'Cache-Control', NO_STORE];
  response.writeHead(200, [...head, ...CORS, EDGE_ID, edgeId, ...more]);
  response.end(request.method === 'HEAD' ? undefined : body);
  return 200;
}

/** The same target elsewhere, for this viewer at this moment. A method other than GET would be kept by 307 (RFC 9110 §15.4.8). */
export function replyRedirect(
  { response }: Exchange,
  location: string,
  { edgeId, status }: { readonly edgeId: string; readonly status: 302 | 307 },
): void {
  response.writeHead(status, [
    'Location',
    location,
    'Content-Length',
    '0',
    'Cache-Control',
    `private, ${NO_STORE}`,
    ...CORS,
    EDGE_ID,
    edgeId,
  ]);
  response.end();
}

function described(stored: Stored, length: number): string[] {
  return ['Content-Type', stored.mediaType, 'Content-Length', String(length), 'ETag', stored.etag];
}

function told(exchange: Exchange, { edgeId, cacheStatus, timing, freshness, age, more = [] }: Telling): string[] {
  const control = freshness === NO_STORE || exchange.isPrivate ? `private, ${freshness}` : `public, ${freshness}`;
  return [
    ...(age === undefined ? [] : ['Age', age]),
    'Cache-Control',
    control,
    'Accept-Ranges',
    'bytes',
    CACHE_STATUS,
    cacheStatus,
    'Server-Timing',
    timing,
    ...CORS,
    EDGE_ID,
    edgeId,
    ...more,
  ];
}
