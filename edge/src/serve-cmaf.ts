/**
 * ★ What other edges ask: the same URLs that an origin answers (`packages/protocol/src/cmaf-path.ts`), out of this edge's own
 * views, cache and fills. So any number of edges behind this one cost the origin one fetch an object. Only who shows a node's
 * pass comes here; no wait is longer than an origin's.
 */

import { type CmafPath, WAIT_LIMIT_MS, parseCmafPath } from '@headwater/protocol/cmaf-path';
import * as header from '@headwater/protocol/headers';
import type { ProblemCode } from '@headwater/protocol/problem';
import type { Edge } from './edge.ts';
import { codeOfFill, codeOfStanding, codeOfWhereabouts } from './errors.ts';
import { hasCaughtUp, isNeighbour, missingPurge } from './neighbour.ts';
import * as reply from './reply.ts';
import { EPOCH_NEWS_MS, fillTelling } from './serve-media.ts';
import { type Stored, mediaTypeOf, partFields } from './stored.ts';
import { formatKey } from './target.ts';
import { whereabouts } from './timeline-reading.ts';
import { TimelineRelay } from './workers/timeline-relay.ts';

const ROOT = '/cmaf/';
const SINCE = /^since=(\d{1,16})$/;
/** A parent that knows nothing of a stream yet lets its child ask the next in good time. */
const FIRST_NEWS_MS = 2_000;

const relay = new TimelineRelay();

type ObjectPath = Exclude<CmafPath, { kind: 'timeline' }>;

/** @returns false when nobody asks who may: then it is a request like any other */
export function serveCmaf(edge: Edge, exchange: reply.Exchange): boolean {
  const { request } = exchange;
  const url = request.url ?? '';
  if (!url.startsWith(ROOT)) return false;
  if (!isNeighbour(edge, request, 'cmaf')) return false;
  const [pathname = '', query = ''] = url.split('?', 2);
  const path = parseCmafPath(pathname);
  if (path === null) refuse(edge, exchange, 'not_found');
  else if (request.method !== 'GET') refuse(edge, exchange, 'method_not_allowed');
  else if (!edge.isReady()) refuse(edge, exchange, 'not_ready');
  else if (!edge.feed.streams.has(path.stream)) refuse(edge, exchange, 'stream_not_found');
  else answer(edge, exchange, path, query);
  return true;
}

function answer(edge: Edge, exchange: reply.Exchange, path: CmafPath, query: string): void {
  if (path.kind !== 'timeline' && missingPurge(edge, exchange.request) === null) {
    const stored = edge.desk.stored(formatKey(path.stream, path));
    if (stored !== undefined) return sendStored(edge, exchange, stored, edge.statuses.hit);
  }
  const { socket } = exchange.request;
  if (!edge.waiters.enter(socket)) return refuse(edge, exchange, 'too_many_waiters');
  const left = new AbortController();
  const leave = (): void => left.abort();
  exchange.response.once('close', leave);
  const answered = async (): Promise<void> => {
    const code = await answerLater(edge, exchange, { path, query, signal: left.signal });
    if (code !== null && !exchange.response.destroyed) refuse(edge, exchange, code);
  };
  answered()
    .catch((error: unknown) => {
      edge.events.serveThrew(exchange.request.url ?? '', 'internal', error);
      refuse(edge, exchange, 'internal');
    })
    .finally(() => {
      exchange.response.off('close', leave);
      edge.waiters.leave(socket);
    });
}

/** @returns why not, or null when it was answered */
async function answerLater(
  edge: Edge,
  exchange: reply.Exchange,
  { path, query, signal }: { readonly path: CmafPath; readonly query: string; readonly signal: AbortSignal },
): Promise<ProblemCode | null> {
  const point = missingPurge(edge, exchange.request);
  if (point !== null && !(await hasCaughtUp(edge, point, signal))) return 'purge_pending';
  if (path.kind !== 'timeline') return answerObject(edge, exchange, path, signal);
  const since = query === '' ? null : Number(SINCE.exec(query)?.[1] ?? NaN);
  return Number.isNaN(since) ? 'bad_request' : answerTimeline(edge, exchange, { stream: path.stream, since, signal });
}

async function answerTimeline(
  edge: Edge,
  exchange: reply.Exchange,
  asked: { readonly stream: string; readonly since: number | null; readonly signal: AbortSignal },
): Promise<ProblemCode | null> {
  const { stream, since, signal } = asked;
  const view = edge.views.open(stream);
  if (view === null) return 'too_many_streams';
  await view.until(() => view.standing !== 'unknown', { withinMs: FIRST_NEWS_MS, signal });
  // One who asks is ahead of us where its own parent was another.
  const hasNews = (): boolean => view.timeline === undefined || since === null || view.timeline.revision > since;
  await view.until(() => hasNews() || view.isLost, { withinMs: WAIT_LIMIT_MS, signal });
  // Who follows the stream by this edge would take what gets old for all that there is.
  if (view.isLost) return 'upstream_failed';
  if (view.timeline === undefined) return codeOfStanding(view.standing);
  const change = relay.change(view, view.timeline, since);
  const body = JSON.stringify(change);
  const via = [...view.via, edge.id].join(', ');
  const more = [header.REVISION, String(change.timeline.revision), header.TIMELINE_VIA, via];
  reply.replyText(exchange, edge.id, { mediaType: 'application/json', body, more });
  edge.deliveries.delivered('timeline', Buffer.byteLength(body));
  return null;
}

async function answerObject(
  edge: Edge,
  exchange: reply.Exchange,
  path: ObjectPath,
  signal: AbortSignal,
): Promise<ProblemCode | null> {
  const startedMs = edge.clock.monotonicMs();
  const patience = { withinMs: WAIT_LIMIT_MS, signal };
  const view = edge.views.open(path.stream);
  if (view === null) return 'too_many_streams';
  await view.until(() => view.standing !== 'unknown', patience);
  const isUnheard = (): boolean => view.timeline !== undefined && whereabouts(view.timeline, path) === 'unheard';
  await view.until(() => !isUnheard(), { ...patience, withinMs: EPOCH_NEWS_MS });
  if (view.timeline === undefined) return codeOfStanding(view.standing);
  const code = codeOfWhereabouts(whereabouts(view.timeline, path));
  if (code !== null) return code;
  const opened = edge.desk.open(view, path);
  if (opened === null) return 'too_many_requests';
  const { fill, joined } = opened;
  const mayGrow = path.kind === 'segment' && !reply.wantsWhole(exchange);
  if (mayGrow) await fill.begun(patience);
  if (mayGrow && fill.result === null && fill.filledBytes > 0) {
    const etag = `"${formatKey(path.stream, path)}"`;
    const telling = fillTelling(edge, joined, startedMs);
    const sent = await reply.replyGrowing(exchange, fill, { mediaType: mediaTypeOf(path), etag, telling });
    edge.deliveries.delivered('growing', sent.bytes);
    return null;
  }
  const result = await fill.whole(patience);
  if (!result.ok) return codeOfFill(result.reason);
  sendStored(edge, exchange, result.stored, fillTelling(edge, joined, startedMs, result.stored).cacheStatus);
  return null;
}

function sendStored(edge: Edge, exchange: reply.Exchange, stored: Stored, cacheStatus: string): void {
  const more = stored.part === null ? {} : { more: partFields(stored.part) };
  const telling = { edgeId: edge.id, cacheStatus, timing: reply.TIMING_HIT, freshness: reply.IMMUTABLE, ...more };
  const bytes = reply.replyStored(exchange, stored, telling);
  edge.deliveries.delivered('object', bytes);
}

function refuse(edge: Edge, exchange: reply.Exchange, code: ProblemCode): void {
  reply.replyProblem(exchange, code, { edgeId: edge.id });
  edge.deliveries.refused(code);
}
