/** Answers for pull zones: a stored or growing object as its viewer wants it, or an upstream's answer handed on as it comes. */

import { randomUUID } from 'node:crypto';
import { EDGE_ID } from '@headwater/protocol/headers';
import type { CacheOutcome } from '../http-cache/cache-status.ts';
import { type FieldList, TARGETED_FIELDS, endToEnd, valueOf, without } from '../http-cache/fields.ts';
import { evaluatePreconditions, notModifiedFields } from '../http-cache/preconditions.ts';
import { ageFieldS } from '../http-cache/response-policy.ts';
import { type ByteRange, requestedRanges } from '../http-cache/ranges.ts';
import type { RequestHead } from '../http-cache/request-head.ts';
import type { UpstreamHead } from '../upstream/upstream-handler.ts';
import { type Exchange, LONG_BODY_BYTES, replyProblem, watchQueue } from '../reply.ts';
import { cutSocket } from '../cut.ts';
import type { ViewerResponse } from '../viewer-exchange.ts';
import type { Answer } from './answer.ts';
import type { Span } from './body.ts';
import { type Hold, letGo } from './candidate.ts';
import { nodeStatus } from './node-status.ts';
import { type Intake, PLAIN_RUN, type RunOptions, startRun } from './run.ts';
import type { Provenance } from './provenance.ts';
import type { Obtained } from './zone-desk.ts';

/** What is said of an answer besides what it is. */
export interface ZoneTelling {
  readonly edgeId: string;
  readonly how: Provenance;
  /** one viewer's alone */
  readonly isPrivate: boolean;
}

export interface Sent {
  readonly status: number;
  readonly bytes: number;
  /** false: cut off in the open, or the viewer left */
  readonly isWhole: boolean;
}

type ObtainedObject = Extract<Obtained, { kind: 'object' }>;

/** A reader is given up when nothing has come for it for so long. */
const NEXT_BYTE_MS = 30_000;
const WHOLE = { kind: 'whole' } as const;
const OF_LENGTH = new Set(['content-length', 'transfer-encoding']);
const OF_PART = new Set(['content-range']);
/** Said anew by every cache on the way. */
const OURS = new Set(['age', 'cache-status', 'trailer', EDGE_ID]);
const OURS_OF_ANSWER = new Set(['age', 'cache-status', EDGE_ID]);

/** An object: the whole of it, the parts that were asked for, or that the viewer has it already. */
export async function replyObject(
  exchange: Exchange,
  request: RequestHead,
  obtained: ObtainedObject,
  telling: ZoneTelling,
): Promise<Sent> {
  const { hold, object, own } = obtained;
  const { head } = object;
  const lengthBytes = 'bytes' in hold ? hold.bytes.length : hold.body.lengthBytes;
  const { edgeId } = telling;
  if (evaluatePreconditions(request, head) === 'not-modified') {
    letGo(hold);
    return replyHead(exchange, 304, [
      ...theirs(notModifiedFields(head.fields), OURS, telling),
      ...own,
      ...ours(head.fields, telling),
    ]);
  }
  const described = [...theirs(head.fields, OURS, telling), ...own, ...ours(head.fields, telling)];
  const wanted = lengthBytes === null ? WHOLE : requestedRanges(request, head, lengthBytes);
  if (wanted.kind === 'unsatisfiable') {
    letGo(hold);
    const more = ['Content-Range', `bytes */${lengthBytes}`, ...problemTelling(telling, head.fields).more];
    replyProblem(exchange, 'bad_range', { edgeId, more });
    return { status: 416, bytes: 0, isWhole: true };
  }
  if (wanted.kind === 'whole' || lengthBytes === null) {
    // What comes in without a length goes out so while it comes in: then there is room for trailers.
    const isOpen = 'body' in hold && object.variant === null && valueOf(head.fields, 'content-length') === undefined;
    const hasNoLength =
      lengthBytes === null || head.status === 204 || (isOpen && exchange.request.httpVersion !== '1.0');
    const fields = hasNoLength ? framed(head.status, described) : withLength(described, lengthBytes);
    if (request.method === 'HEAD') {
      letGo(hold);
      return replyHead(exchange, head.status, fields);
    }
    exchange.response.writeHead(head.status, fields);
    return sendBody(exchange, hold, [{ before: '', first: 0, end: isOpen ? null : lengthBytes }], {
      status: head.status,
      after: '',
    });
  }
  return replyParts(exchange, hold, { ranges: wanted.ranges, lengthBytes, described });
}

interface Parts {
  readonly ranges: readonly ByteRange[];
  readonly lengthBytes: number;
  readonly described: FieldList;
}

/** RFC 9110 §15.3.7: one part as it is, several as multipart/byteranges (§14.6). */
function replyParts(exchange: Exchange, hold: Hold, { ranges, lengthBytes, described }: Parts): Promise<Sent> {
  const { response } = exchange;
  const [only] = ranges;
  if (ranges.length === 1 && only !== undefined) {
    const [first, last] = only;
    const span = ['Content-Range', `bytes ${first}-${last}/${lengthBytes}`];
    response.writeHead(206, [...withLength(without(described, OF_PART), last - first + 1), ...span]);
    return sendBody(exchange, hold, [{ before: '', first, end: last + 1 }], { status: 206, after: '' });
  }
  const boundary = randomUUID();
  const type = valueOf(described, 'content-type');
  const pieces = ranges.map(([first, last]) => ({
    before: `\r\n--${boundary}\r\n${type === undefined ? '' : `Content-Type: ${type}\r\n`}Content-Range: bytes ${first}-${last}/${lengthBytes}\r\n\r\n`,
    first,
    end: last + 1,
  }));
  const after = `\r\n--${boundary}--\r\n`;
  const total = pieces.reduce((sum, { before, first, end }) => sum + before.length + end - first, after.length);
  const plain = without(described, new Set(['content-type', ...OF_PART]));
  response.writeHead(206, [...withLength(plain, total), 'Content-Type', `multipart/byteranges; boundary=${boundary}`]);
  return sendBody(exchange, hold, pieces, { status: 206, after });
}

/**
 * What is said of a problem.
 * @param fields of what was asked for, where it is known
 */
export function problemTelling(
  telling: ZoneTelling,
  fields: FieldList = [],
): { readonly edgeId: string; readonly more: readonly string[] } {
  return { edgeId: telling.edgeId, more: ours(fields, telling).slice(0, -2) };
}

interface Piece {
  /** written before the bytes */
  readonly before: string;
  readonly first: number;
  /** exclusive; null: to the end of the object, wherever that is */
  readonly end: number | null;
}

/** Sends stretches of a body at this reader's pace. What cannot be sent whole is cut off, never ended short. */
async function sendBody(
  exchange: Exchange,
  hold: Hold,
  pieces: readonly Piece[],
  { status, after }: { readonly status: number; readonly after: string },
): Promise<Sent> {
  const { response } = exchange;
  if ('bytes' in hold && pieces.length === 1 && after === '') {
    const [piece] = pieces;
    const bytes = hold.bytes.subarray(piece?.first ?? 0, piece?.end ?? undefined);
    if (bytes.length > LONG_BODY_BYTES) watchQueue(exchange);
    response.end(bytes);
    exchange.unsent.add(bytes.buffer, bytes.buffer.byteLength, response);
    return { status, bytes: bytes.length, isWhole: true };
  }
  watchQueue(exchange);
  const left = new AbortController();
  const leave = (): void => left.abort();
  response.once('close', leave);
  let bytes = 0;
  let isWhole = true;
  try {
    for (const piece of pieces) {
      if (piece.before !== '') response.write(Buffer.from(piece.before, 'latin1'));
      const sent = await sendStretch(exchange, hold, piece, left.signal);
      bytes += sent.bytes;
      isWhole &&= sent.isWhole;
      if (!isWhole) break;
    }
    if (isWhole) finish(response, hold, after);
    else cut(exchange);
  } finally {
    response.off('close', leave);
    letGo(hold);
  }
  return { status, bytes, isWhole };
}

function finish(response: ViewerResponse, hold: Hold, after: string): void {
  const trailers = 'body' in hold ? hold.body.trailers : [];
  if (trailers.length > 0) addTrailers(response, trailers);
  response.end(after === '' ? undefined : Buffer.from(after, 'latin1'));
}

async function sendStretch(
  exchange: Exchange,
  hold: Hold,
  { first, end }: Piece,
  signal: AbortSignal,
): Promise<{ readonly bytes: number; readonly isWhole: boolean }> {
  const { response } = exchange;
  if ('bytes' in hold) {
    const bytes = hold.bytes.subarray(first, end ?? undefined);
    if (!response.write(bytes)) await taken(exchange, bytes, signal);
    return { bytes: bytes.length, isWhole: !signal.aborted };
  }
  const { body, reader } = hold;
  body.seek(reader, first);
  for (;;) {
    if (reader.position === end) return { bytes: end - first, isWhole: !signal.aborted };
    const arrival = await body.arrival(reader.position, end, { withinMs: NEXT_BYTE_MS, signal });
    if (arrival.kind !== 'bytes')
      return { bytes: reader.position - first, isWhole: arrival.kind === 'end' && end === null };
    const bytes = end === null ? arrival.bytes : arrival.bytes.subarray(0, end - reader.position);
    if (signal.aborted) return { bytes: reader.position - first, isWhole: false };
    const isRoom = response.write(bytes);
    body.seek(reader, reader.position + bytes.length);
    if (!isRoom) await taken(exchange, bytes, signal);
  }
}

/** An upstream's own answer, for this viewer alone. Where it breaks off, and that can be, it is taken up again. */
export function replyAnswer(
  exchange: Exchange,
  { answer, head, run }: { readonly answer: Answer; readonly head: UpstreamHead; readonly run: RunOptions },
  telling: ZoneTelling,
): Promise<Sent> {
  const { request, response } = exchange;
  const fields = [...theirs(endToEnd(head.fields), OURS_OF_ANSWER, telling), ...ours(head.fields, telling)];
  watchQueue(exchange);
  response.writeHead(head.status, framed(head.status, fields));
  const isBodyless = request.method === 'HEAD' || head.status === 204 || head.status === 304;
  return new Promise((resolve) => {
    let bytes = 0;
    let span: Span | null = null;
    const held: (() => void)[] = [];
    const over = (isWhole: boolean): void => {
      response.off('drain', onDrain);
      response.off('close', onClose);
      resolve({ status: head.status, bytes, isWhole });
    };
    const onDrain = (): void => {
      for (const leave of held.splice(0)) leave();
      span?.resume();
    };
    const onClose = (): void => {
      over(false);
      span?.abort();
    };
    response.on('drain', onDrain);
    response.on('close', onClose);
    const viewer: Intake = {
      begin: (begun) => void (span = begun),
      append(of, chunk) {
        of.position += chunk.length;
        if (isBodyless || response.destroyed) return 'more';
        bytes += chunk.length;
        if (response.write(chunk)) return 'more';
        held.push(exchange.unsent.add(chunk.buffer, chunk.buffer.byteLength, response));
        return 'wait';
      },
      end(_, trailers = []) {
        over(true);
        if (trailers.length > 0 && !isBodyless) addTrailers(response, trailers);
        response.end();
      },
      fail() {
        over(false);
        cut(exchange);
      },
    };
    void startRun(viewer, answer, isBodyless ? PLAIN_RUN : run);
  });
}

function replyHead({ response }: Exchange, status: number, fields: FieldList): Sent {
  response.writeHead(status, [...fields]);
  response.end();
  return { status, bytes: 0, isWhole: true };
}

/** What goes on of an upstream's fields. To one viewer's answer no word of theirs about other CDNs applies (RFC 9213 §2.2). */
function theirs(fields: FieldList, ours: ReadonlySet<string>, { isPrivate }: ZoneTelling): FieldList {
  return without(fields, isPrivate ? new Set([...ours, ...TARGETED_FIELDS]) : ours);
}

/** Age, where it came out of the cache; Cache-Status after those of the caches behind us (RFC 9211 §2). */
function ours(fields: FieldList, { edgeId, how, isPrivate }: ZoneTelling): string[] {
  // What stands in for an answer came by another request, of which its caches spoke.
  const before = how.isStale && how.fwd !== null ? undefined : valueOf(fields, 'cache-status');
  const status = ['Cache-Status', nodeStatus(edgeId, outcomeOf(how), before)];
  // What was forwarded is as old as who answered said (RFC 9111 §5.1), and out of a cache where they said anything.
  const given = ageFieldS(fields);
  const ageS = how.fwd === null ? how.ageS : Math.max(how.ageS, given ?? 0);
  const age = ['Age', String(ageS)];
  // Beside what the origin says: of two directives the stricter counts (RFC 9111 §4.2.1).
  const reach = isPrivate ? ['Cache-Control', 'private'] : [];
  return [
    ...(given !== null || ageS > 0 || how.fwd === null || how.isStale ? age : []),
    ...reach,
    ...status,
    EDGE_ID,
    edgeId,
  ];
}

function outcomeOf({ fwd, fwdStatus, isStored, isCollapsed, isStale, ttlS }: Provenance): CacheOutcome {
  if (fwd === null) return { kind: 'hit', ttlS };
  const status = fwdStatus === null ? {} : { fwdStatus };
  const detail = isStale ? { detail: 'stale-if-error' } : {};
  return { kind: 'forwarded', fwd, ...status, isStored, isCollapsed, ...detail };
}

/** What has no content says nothing of its length (RFC 9110 §8.6). */
function framed(status: number, fields: readonly string[]): string[] {
  return [...(status === 204 ? without(fields, OF_LENGTH) : fields)];
}

function withLength(fields: FieldList, lengthBytes: number): string[] {
  return [...without(fields, OF_LENGTH), 'Content-Length', String(lengthBytes)];
}

function addTrailers(response: ViewerResponse, trailers: FieldList): void {
  const pairs: [string, string][] = [];
  for (let at = 0; at < trailers.length; at += 2) pairs.push([trailers[at] as string, trailers[at + 1] as string]);
  response.addTrailers(pairs);
}

/** To HTTP/1.0 the end of the connection may be the end of the body: there only a reset says that it is not whole. */
function cut({ request, response }: Exchange): void {
  if (request.httpVersion === '1.0') cutSocket(request.socket);
  else response.destroy();
}

/** Until the connection has taken what it was given; as long it is held for that. */
async function taken({ response, unsent }: Exchange, { buffer }: Buffer, signal: AbortSignal): Promise<void> {
  const leave = unsent.add(buffer, buffer.byteLength, response);
  await drained(response, signal);
  leave();
}

function drained(response: ViewerResponse, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      response.off('drain', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    response.once('drain', done);
    signal.addEventListener('abort', done, { once: true });
  });
}
