/**
 * ★ The life of a request for a pull zone: read what is asked, look it up, join or start the one fetch, reply. Every branch is
 * taken here; the leaves decide nothing.
 */

import type { ProblemCode } from '@headwater/protocol/problem';
import { EDGE_ID, PARENT_TRY } from '@headwater/protocol/headers';
import type { ZoneEntry } from '@headwater/protocol/zone';
import type { Clock } from '@headwater/service/clock';
import { type FieldList, endToEnd, without } from '../http-cache/fields.ts';
import { fieldsOfNextHop } from '../http-cache/max-forwards.ts';
import { invalidatedPaths, isSafe } from '../http-cache/invalidation.ts';
import { STALE_IF_ERROR_STATUSES } from '../http-cache/status.ts';
import { type Exchange, replyProblem } from '../reply.ts';
import type { UpstreamRequest } from '../upstream/upstream-client.ts';
import { type Patience, waitUntil } from '../patience.ts';
import type { Waiters } from '../waiters.ts';
import { Answer } from './answer.ts';
import type { Ask } from './ask.ts';
import { fieldsForUpstream } from './forwarded-fields.ts';
import type { NamedNext } from './named-next.ts';
import type { Shelf } from './shelf.ts';
import { keyOf } from './zone-key.ts';
import type { Upstream } from './fetching.ts';
import { PLAIN_RUN } from './run.ts';
import { codeOfUpstream } from './upstream-code.ts';
import type { ZoneEvents } from './zone-events.ts';
import { freshenStored } from './head-news.ts';
import { type Sent, problemTelling, replyAnswer, replyObject } from './zone-reply.ts';
import type { Provenance } from './provenance.ts';
import { type Obtained, type ZoneDesk, dismiss } from './zone-desk.ts';

/** What serving pull zones needs; made once by the composition root. */
export interface ZoneEdge {
  readonly id: string;
  readonly scheme: 'http' | 'https';
  readonly desk: ZoneDesk;
  readonly shelf: Shelf;
  readonly namedNext: NamedNext;
  readonly upstream: Upstream;
  readonly clock: Clock;
  readonly waiters: Waiters;
  readonly events: ZoneEvents;
  /** Has everybody on this node forget objects (RFC 9111 §4.4); comes back when they have. */
  readonly forget: (objects: readonly Pick<Ask, 'key' | 'host' | 'name'>[]) => Promise<void>;
  /** an upstream's first byte must be there by then */
  readonly deadlineMs: number;
}

/** A request that has been found to be a zone's, and may have what it asks for. */
export interface ZoneRequest {
  readonly zone: ZoneEntry;
  /** in lower case, without a port; `''` where the zone names no hosts */
  readonly host: string;
  /** as it came, without token and query */
  readonly path: string;
  /** the one spelling of the path */
  readonly name: string;
  /** with its question mark, without what is said to the edge alone; or `''` */
  readonly query: string;
  /** the answer is one viewer's: shared caches behind us keep their hands off */
  readonly isPrivate: boolean;
  /** another edge or worker asks, who will answer its own viewers with it */
  readonly isForEdge?: boolean;
  /** asked once more before an answer that had to be waited for: why the viewer may not have it any more, or null */
  readonly refusal?: () => ProblemCode | null;
  /** by which the viewer asked, where an edge tells */
  readonly scheme?: 'http' | 'https';
}

/** Says to another edge that an answer is on its way (RFC 2518 §10.1), so that it knows this one from one that hangs. */
const PROCESSING = 102;
/** So long whoever was asked before has, to say that it is at it: an origin is not asked twice because of a busy moment. */
const HEDGE_GRACE_MS = 250;
/** Asked for the connection, not for what it is of (RFC 9110 §9.3.6, §9.3.8). */
const NEVER_FORWARDED = new Set(['CONNECT', 'TRACE']);
const ALLOWED = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS';

/** Answers a request for a pull zone. */
export function serveZone(edge: ZoneEdge, exchange: Exchange, asked: ZoneRequest): void {
  const ask = askOf(edge, exchange, asked);
  const { method } = ask.request;
  if (NEVER_FORWARDED.has(method)) {
    replyProblem(exchange, 'method_not_allowed', { edgeId: edge.id, more: ['Allow', ALLOWED] });
    return edge.events.answered('declined', 0);
  }
  const fields = fieldsOfNextHop(ask.request);
  if (fields === null) return replyHere(edge, exchange);
  serveAsked(edge, exchange, { ...ask, request: { method, fields } });
}

/** A token may end, or be revoked, while its request waits; then there is nothing to be had for it any more. */
function isRefusedBy(edge: ZoneEdge, exchange: Exchange, { refusal }: Ask): boolean {
  const code = refusal?.() ?? null;
  if (code === null) return false;
  if (!exchange.response.destroyed) replyProblem(exchange, code, { edgeId: edge.id });
  edge.events.answered(exchange.response.destroyed ? 'left' : 'declined', 0);
  return true;
}

/** An OPTIONS that goes no further (RFC 9110 §7.6.2). */
function replyHere(edge: ZoneEdge, { response }: Exchange): void {
  response.writeHead(204, ['Allow', ALLOWED, EDGE_ID, edge.id]);
  response.end();
  edge.events.answered('declined', 0);
}

/** A request's wait for the head of its answer. What comes after that is bounded by what connections may hold. */
interface Wait {
  readonly patience: Patience;
  readonly signal: AbortSignal;
  readonly over: () => void;
}

function serveAsked(edge: ZoneEdge, exchange: Exchange, ask: Ask): void {
  const { method } = ask.request;
  const { socket } = exchange.request;
  const left = new AbortController();
  const patience = { withinMs: edge.deadlineMs, signal: left.signal };
  const hit = method === 'GET' || method === 'HEAD' ? edge.desk.hit(ask, patience) : null;
  const mustWait = hit === null || hit instanceof Promise;
  if (mustWait && !edge.waiters.enter(socket)) {
    hit?.then(dismiss).catch((error: unknown) => edge.events.threw(ask.key, error));
    replyProblem(exchange, 'too_many_waiters', { edgeId: edge.id });
    return edge.events.answered('failed', 0);
  }
  let isWaiting = mustWait;
  const over = (): void => {
    if (isWaiting) edge.waiters.leave(socket);
    isWaiting = false;
  };
  const leave = (): void => left.abort();
  exchange.response.once('close', leave);
  const work = async (wait: Wait): Promise<void> => {
    const ready = await hit;
    if (ready !== null && !mustWait) return hand(edge, exchange, ask, ready);
    if (ready !== null) return handLate(edge, exchange, ask, { ready, wait });
    if (!(await mayGoOn(exchange, wait.signal))) return edge.events.answered('left', 0);
    return method === 'GET' ? serveGet(edge, exchange, ask, wait) : forward(edge, exchange, ask, wait);
  };
  work({ patience, signal: left.signal, over })
    .catch((error: unknown) => {
      edge.events.threw(ask.key, error);
      replyProblem(exchange, 'internal', { edgeId: edge.id });
    })
    .finally(() => {
      exchange.response.off('close', leave);
      over();
    });
  // The request's own fetch begins first.
  if (method === 'GET') setImmediate(() => edge.namedNext.follow(exchange.request, ask));
}

/**
 * What an edge that asks hears before its request goes further up; false when it needs no answer any more. Whoever else says
 * that it is one gets no more than a word, and waits.
 */
async function mayGoOn(exchange: Exchange, signal: AbortSignal): Promise<boolean> {
  const asked = exchange.request.headers[PARENT_TRY];
  if (asked !== undefined) informed(exchange, PROCESSING, []);
  if (asked !== 'hedge') return true;
  await waitUntil(
    () => false,
    { withinMs: HEDGE_GRACE_MS, signal },
    () => () => undefined,
  );
  return !signal.aborted;
}

function askOf(edge: ZoneEdge, { request }: Exchange, asked: ZoneRequest): Ask {
  const { zone, host, path, name, query, isPrivate, refusal } = asked;
  const scheme = asked.scheme ?? edge.scheme;
  const fields = fieldsForUpstream(request.rawHeaders, { host, scheme, policy: zone.policy });
  return {
    zone,
    host,
    isPrivate,
    isForEdge: asked.isForEdge ?? false,
    ...(refusal === undefined ? {} : { refusal }),
    key: keyOf(zone, host, `${path}${query}`),
    name: `${name}${query}`,
    path: `${path}${query}`,
    request: { method: request.method ?? 'GET', fields },
  };
}

async function serveGet(edge: ZoneEdge, exchange: Exchange, ask: Ask, wait: Wait): Promise<void> {
  const onInformation = (status: number, fields: FieldList): void => informed(exchange, status, fields);
  const ready = await edge.desk.obtain(ask, { ...wait.patience, onInformation });
  await handLate(edge, exchange, ask, { ready, wait });
}

/** Gives what had to be waited for, to whom may still have it. */
async function handLate(
  edge: ZoneEdge,
  exchange: Exchange,
  ask: Ask,
  { ready, wait }: { readonly ready: Obtained; readonly wait: Wait },
): Promise<void> {
  wait.over();
  if (!isRefusedBy(edge, exchange, ask)) return hand(edge, exchange, ask, ready);
  dismiss(ready);
}

/** Failures before any upstream was asked. */
const NOT_ASKED: ReadonlySet<ProblemCode> = new Set(['not_cached', 'too_many_waiters']);

/** Gives what was obtained to the viewer, if they are still there. */
async function hand(edge: ZoneEdge, exchange: Exchange, ask: Ask, obtained: Obtained): Promise<void> {
  if (exchange.response.destroyed) {
    dismiss(obtained);
    return edge.events.answered('left', 0);
  }
  const telling = { edgeId: edge.id, how: obtained.how, isPrivate: ask.isPrivate };
  if (obtained.kind === 'failed') {
    const told = NOT_ASKED.has(obtained.code) ? { edgeId: edge.id } : problemTelling(telling);
    replyProblem(exchange, obtained.code, told);
    return edge.events.answered('failed', 0);
  }
  const sent =
    obtained.kind === 'answer'
      ? await replyAnswer(exchange, obtained, telling)
      : await replyObject(exchange, ask.request, obtained, telling);
  edge.events.answered(outcomeOf(obtained.how, sent), sent.bytes);
}

/** Whatever is not a GET goes to the upstream, and what that changes is forgotten (RFC 9111 §4.4). */
async function forward(edge: ZoneEdge, exchange: Exchange, ask: Ask, wait: Wait): Promise<void> {
  const { method } = ask.request;
  if (method === 'HEAD' && edge.desk.isNowhere(ask)) {
    const obtained = { kind: 'failed', code: 'not_cached', how: forwarded('request') } as const;
    return hand(edge, exchange, ask, obtained);
  }
  const why = method === 'HEAD' ? edge.desk.whyForwarded(ask) : forwarded('method');
  const requestMs = edge.clock.nowMs();
  const purge = edge.shelf.openQuestion(ask);
  const answer = new Answer(
    (handler) => edge.upstream.fetch(upstreamRequest(exchange, ask), handler),
    (status, fields) => informed(exchange, status, fields),
  );
  wait.signal.addEventListener('abort', () => answer.abort(), { once: true });
  const head = await answer.head;
  edge.shelf.closeQuestion(ask, purge);
  wait.over();
  const how = { ...(await why), fwdStatus: 'code' in head ? null : head.status };
  const telling = { edgeId: edge.id, how, isPrivate: ask.isPrivate };
  // What it has changed at the origin it has changed: of that the viewer hears.
  if (isSafe(method) && isRefusedBy(edge, exchange, ask)) return answer.abort();
  const isInTrouble = 'code' in head || STALE_IF_ERROR_STATUSES.has(head.status);
  const stale = method === 'HEAD' && isInTrouble ? await edge.desk.standIn(ask, how, wait.patience) : null;
  if (stale !== null) {
    answer.abort();
    return hand(edge, exchange, ask, stale);
  }
  if ('code' in head) {
    if (!exchange.response.destroyed) replyProblem(exchange, codeOfUpstream(head), problemTelling(telling));
    return edge.events.answered(exchange.response.destroyed ? 'left' : 'failed', 0);
  }
  const times = { requestMs, responseMs: edge.clock.nowMs() };
  if (method === 'HEAD') await freshenStored(edge.shelf, ask, head, { times, purge });
  if (!isSafe(method)) await invalidate(edge, ask, head);
  const sent = await replyAnswer(exchange, { answer, head, run: PLAIN_RUN }, telling);
  edge.events.answered(outcomeOf(how, sent), sent.bytes);
}

async function invalidate(
  edge: ZoneEdge,
  ask: Ask,
  response: { readonly status: number; readonly fields: FieldList },
): Promise<void> {
  const { zone, host, path, request } = ask;
  const authority = host === '' ? 'zone.invalid' : host;
  const origins: [string, ...string[]] = [`http://${authority}`, `https://${authority}`, ...zone.origins];
  const paths = invalidatedPaths({ method: request.method, path, origins }, response);
  if (paths.length > 0) {
    await edge.forget(paths.map((named) => ({ key: keyOf(zone, host, named), host, name: named })));
  }
}

function upstreamRequest({ request }: Exchange, ask: Ask): UpstreamRequest {
  const { zone, path, key } = ask;
  const { method, fields } = ask.request;
  const hasBody =
    request.headers['transfer-encoding'] !== undefined || (request.headers['content-length'] ?? '0') !== '0';
  const isIdempotent = isSafe(method) || method === 'PUT' || method === 'DELETE';
  return { zone, method, path, fields, key, isIdempotent, body: hasBody ? request : null };
}

/** RFC 9110 §8.6: no interim response has a length, and who believed one would read the final response as its body. */
const OF_A_BODY = new Set(['content-length']);

/** An interim response goes on (RFC 9110 §15.2); HTTP/1.0 knows none. */
function informed({ response, request }: Exchange, status: number, fields: FieldList): void {
  if (!response.headersSent && request.httpVersion !== '1.0')
    response.writeInformation(status, without(endToEnd(fields), OF_A_BODY));
}

function forwarded(fwd: Provenance['fwd']): Provenance {
  return { fwd, fwdStatus: null, isStored: false, isCollapsed: false, isStale: false, ageS: 0, ttlS: 0 };
}

function outcomeOf({ fwd, isCollapsed }: Provenance, { isWhole, status }: Sent): Parameters<ZoneEvents['answered']>[0] {
  if (!isWhole) return 'cut';
  if (fwd === null) return 'hit';
  if (status >= 500) return 'failed';
  return isCollapsed ? 'joined' : 'miss';
}
