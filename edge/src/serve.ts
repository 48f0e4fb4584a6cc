/**
 * ★ The life of a request: parse the target, authorise, look up, fill once, assemble, reply. Every branch is taken here; the
 * leaves decide nothing. A hit is answered at once; whatever waits is counted, bounded, and given up when its viewer leaves.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FeedState } from '@headwater/protocol/feed-state';
import type { ProblemCode } from '@headwater/protocol/problem';
import { parseSteering, STEERING_TTL_SECONDS, steeringManifest } from '@headwater/protocol/steering';
import type { Timeline } from '@headwater/protocol/timeline';
import type { Clock } from '@headwater/service/clock';
import type { Gate, Viewer } from './authorise.ts';
import type { Cache } from './cache.ts';
import { type Directives, readDirectives } from './directives.ts';
import { knock } from './door.ts';
import { codeOfFill, codeOfStanding, outcomeOf, softenForMedia } from './errors.ts';
import type { EdgeEvents } from './events.ts';
import type { Fill, Fills } from './fill.ts';
import { CLOCK_PATH, hasBegun, isUnknownTrack, writeManifest } from './manifest.ts';
import type { MediaDesk } from './media-desk.ts';
import * as reply from './reply.ts';
import { type Stored, mediaTypeOf, nameOf } from './stored.ts';
import { complaintOf, hasBody } from './request-form.ts';
import { type Pathways, pathwaysOf, prioritize } from './pathways.ts';
import type { StreamView } from './stream-view.ts';
import { type ManifestResource, type MediaResource, type Target, formatKey, parseTarget } from './target.ts';
import { hasReached, positionOf, tooFar, whereabouts } from './timeline-reading.ts';
import type { Unsent } from './unsent.ts';
import type { Views } from './views.ts';
import type { Waiters } from './waiters.ts';

interface ServeLimits {
  readonly urlBytes: number;
  /** a media object's first byte, and a manifest's stream, must be there by then */
  readonly deadlineMs: number;
}

/** What serving needs; made once by the composition root. */
export interface Edge {
  readonly id: string;
  /** scheme that viewers use, for session tokens that name whole URIs */
  readonly scheme: string;
  /** our name in a session token's `aud` */
  readonly audience: string;
  readonly feed: FeedState;
  readonly gate: Gate;
  readonly views: Views;
  readonly desk: MediaDesk;
  readonly cache: Cache;
  readonly fills: Fills;
  readonly events: EdgeEvents;
  readonly clock: Clock;
  readonly limits: ServeLimits;
  readonly statuses: reply.CacheStatuses;
  readonly waiters: Waiters;
  readonly unsent: Unsent;
  /** false before the feed's first page and while draining */
  readonly isReady: () => boolean;
}

type MediaTarget = Target & { readonly resource: MediaResource };
type ManifestTarget = Target & { readonly resource: ManifestResource };

/** A media playlist's URIs are relative: they name no edge. */
const NO_PATHWAYS: Pathways = { ways: [], steeringBase: null };

/** Blocked playlist requests end after this many target durations (RFC 8216bis §6.2.5.2). */
const BLOCKED_TARGETS = 3;
/** A new epoch is in every timeline within a poll; a name under one that is in none by then is nothing. */
const EPOCH_NEWS_MS = 1_500;
/** Appendix C of RFC 8216bis: a playlist that was waited for keeps for six target durations, another for half of one. */
const BLOCKED_FRESH_TARGETS = 6;

/** Answers a viewer's request. What goes wrong with it is its own end and nobody else's. */
export function serve(edge: Edge, request: IncomingMessage, response: ServerResponse): void {
  const exchange: reply.Exchange = { request, response, isPrivate: false, isMedia: false, unsent: edge.unsent };
  try {
    answer(edge, exchange);
  } catch (error) {
    const target = parseTarget(request.url ?? '');
    edge.events.serveThrew(target?.key ?? '', 'internal', error);
    if (target === null) misdirect(edge, exchange, 'internal');
    else fail(edge, exchange, target, 'internal');
  }
}

function answer(edge: Edge, exchange: reply.Exchange): void {
  const { request } = exchange;
  const url = request.url ?? '';
  if (hasBody(request) || !edge.isReady()) exchange.response.shouldKeepAlive = false;
  if (request.method === 'OPTIONS') return void reply.replyPreflight(exchange, edge.id);
  if (request.method !== 'GET' && request.method !== 'HEAD') return void reply.replyWrongMethod(exchange, edge.id);
  const complaint = complaintOf(request, edge.limits.urlBytes);
  if (complaint !== null) return misdirect(edge, exchange, complaint);
  const target = parseTarget(url);
  if (target === null) return serveQuestion(edge, exchange, url);
  exchange.isMedia = isMediaTarget(target);

  const viewer = { address: request.socket.remoteAddress ?? '', nowMs: edge.clock.nowMs() };
  const verdict = edge.gate.authorise(target, viewer);
  switch (verdict.kind) {
    case 'refused':
      return fail(edge, exchange, target, verdict.code);
    case 'door':
      return openDoor(edge, exchange, target, viewer);
    case 'granted':
      exchange.isPrivate = verdict.isPrivate;
      return isMediaTarget(target)
        ? serveMedia(edge, exchange, target)
        : serveManifest(edge, exchange, target as ManifestTarget);
  }
}

/** Not a stream's URL: a player's or a balancer's question, or nothing. */
function serveQuestion(edge: Edge, exchange: reply.Exchange, url: string): void {
  if (url === CLOCK_PATH) {
    const body = new Date(edge.clock.nowMs()).toISOString();
    return void reply.replyText(exchange, edge.id, { mediaType: 'text/plain', body });
  }
  if (url.startsWith('/steering/')) return steer(edge, exchange, url);
  if (url === '/healthz') return void reply.replyHealthy(exchange, edge.id);
  if (url !== '/readyz') return misdirect(edge, exchange, 'not_found');
  if (edge.isReady()) return void reply.replyHealthy(exchange, edge.id);
  misdirect(edge, exchange, 'not_ready');
}

/** Which edge a player should use next, as far as this one knows; geo knows better, and is asked before where there is one. */
function steer(edge: Edge, exchange: reply.Exchange, url: string): void {
  const question = parseSteering(url);
  if (question === null) return misdirect(edge, exchange, 'not_found');
  const ttlSeconds = edge.feed.settingsOf(edge.id, question.stream).steeringTtlSeconds ?? STEERING_TTL_SECONDS;
  const priority = prioritize(edge.feed, question.pathways);
  const body = steeringManifest({ priority, ttlSeconds });
  reply.replyText(exchange, edge.id, { mediaType: 'application/json', body });
  edge.events.steered();
}

function isMediaTarget(target: Target): target is MediaTarget {
  const { kind } = target.resource;
  return kind !== 'playlist' && kind !== 'multivariant' && kind !== 'mpd';
}

/** No path token: a session token may buy one. */
function openDoor(edge: Edge, exchange: reply.Exchange, target: Target, viewer: Viewer): void {
  const { host = '', cookie, authorization } = exchange.request.headers;
  const url = exchange.request.url ?? '';
  const base = `${edge.scheme}://${host}`;
  const verdict = knock(edge.feed, target, { base, url, cookie, authorization, audience: edge.audience, ...viewer });
  if (!verdict.ok) return fail(edge, exchange, target, verdict.code);
  reply.replyRedirect(exchange, verdict.location, edge.id);
  edge.events.answered(target.resource.kind, 'redirected', 0);
}

function serveMedia(edge: Edge, exchange: reply.Exchange, target: MediaTarget): void {
  const stored = edge.desk.stored(target.key);
  if (stored === undefined) return later(edge, exchange, target, (signal) => fillMedia(edge, exchange, target, signal));
  const nowMs = edge.clock.monotonicMs();
  const sentBytes = reply.replyStored(exchange, stored, {
    edgeId: edge.id,
    cacheStatus: edge.statuses.hit,
    timing: reply.TIMING_HIT,
    age: String(Math.floor((nowMs - (stored.madeMs ?? nowMs)) / 1000)),
    freshness: reply.IMMUTABLE,
  });
  edge.events.answered(target.resource.kind, 'hit', sentBytes);
}

/** The object is not here: ask where it stands, join or start its fill, and answer from that. */
async function fillMedia(
  edge: Edge,
  exchange: reply.Exchange,
  target: MediaTarget,
  signal: AbortSignal,
): Promise<void> {
  const startedMs = edge.clock.monotonicMs();
  const patience = { withinMs: deadlineMs(edge, target), signal };
  const view = edge.views.open(target.stream);
  if (view === null) return fail(edge, exchange, target, 'too_many_streams');
  await view.until(() => view.standing !== 'unknown', patience);
  const { resource } = target;
  const isUnheard = (): boolean => view.timeline !== undefined && whereabouts(view.timeline, resource) === 'unheard';
  if (isUnheard()) await view.until(() => !isUnheard(), { ...patience, withinMs: EPOCH_NEWS_MS });
  if (view.timeline === undefined) return fail(edge, exchange, target, codeOfStanding(view.standing));
  switch (whereabouts(view.timeline, resource)) {
    case 'no-track':
      return fail(edge, exchange, target, 'track_not_found');
    case 'gone':
    case 'unheard':
      return fail(edge, exchange, target, 'segment_not_found');
    case 'too-early':
      return fail(edge, exchange, target, 'too_early');
    case 'there':
    case 'ahead':
      break;
  }
  const opened = edge.desk.open(view, resource);
  if (opened === null) return fail(edge, exchange, target, 'too_many_requests');
  const { fill, joined } = opened;
  const mayGrow = resource.kind === 'segment' && !reply.wantsWhole(exchange);
  if (mayGrow) await fill.begun(patience);
  if (!isStillGranted(edge, exchange, target)) return;
  if (mayGrow && fill.result === null && fill.filledBytes > 0)
    return growMedia(edge, exchange, target, { fill, telling: fillTelling(edge, joined, startedMs) });
  const result = await fill.whole(patience);
  if (!isStillGranted(edge, exchange, target)) return;
  if (!result.ok) return fail(edge, exchange, target, codeOfFill(result.reason));
  const sentBytes = reply.replyStored(exchange, result.stored, fillTelling(edge, joined, startedMs, result.stored));
  edge.events.answered(target.resource.kind, joined ? 'joined' : 'miss', sentBytes);
}

/** A token may end, or be revoked, while its request waits; then there is nothing to be had for it any more. */
function isStillGranted(edge: Edge, exchange: reply.Exchange, target: Target): boolean {
  const { remoteAddress: address = '' } = exchange.request.socket;
  const verdict = edge.gate.authorise(target, { address, nowMs: edge.clock.nowMs() });
  if (verdict.kind !== 'granted') {
    fail(edge, exchange, target, verdict.kind === 'refused' ? verdict.code : 'token_missing');
  }
  return verdict.kind === 'granted';
}

/** The fill has begun: its bytes go out as they come in. */
async function growMedia(
  edge: Edge,
  exchange: reply.Exchange,
  target: MediaTarget,
  { fill, telling }: { readonly fill: Fill; readonly telling: reply.Telling },
): Promise<void> {
  const etag = `"${formatKey(target.stream, target.resource)}"`;
  const sent = await reply.replyGrowing(exchange, fill, { mediaType: mediaTypeOf(target.resource), etag, telling });
  if (!sent.whole && fill.result?.ok === false) edge.events.answerCut(target.key);
  const outcome = fill.result?.ok === false ? 'failed' : 'left';
  edge.events.answered(target.resource.kind, sent.whole ? 'miss' : outcome, sent.bytes);
}

function fillTelling(edge: Edge, joined: boolean, startedMs: number, stored?: Stored): reply.Telling {
  const tookMs = (edge.clock.monotonicMs() - startedMs).toFixed(1);
  const isKept = stored !== undefined && edge.cache.peek(nameOf(stored)) === stored;
  const cacheStatus = edge.statuses[joined ? 'joined' : 'miss'] + (isKept ? reply.STATUS_STORED : '');
  return { edgeId: edge.id, cacheStatus, freshness: reply.IMMUTABLE, timing: `cache;desc=miss, fill;dur=${tookMs}` };
}

function serveManifest(edge: Edge, exchange: reply.Exchange, target: ManifestTarget): void {
  const read = readDirectives(target.query);
  if (!read.ok) return fail(edge, exchange, target, read);
  const view = edge.views.open(target.stream);
  if (view === null) return fail(edge, exchange, target, 'too_many_streams');
  const { resource } = target;
  const { directives } = read;
  touchLowLatency(view, resource);
  if (isAnswerable(view, target.resource, directives))
    return sendManifest(edge, exchange, target, { view, directives, waited: false });
  later(edge, exchange, target, (signal) => awaitManifest(edge, exchange, target, { view, directives, signal }));
}

/** Waits for the stream, then for the position that was asked for. */
async function awaitManifest(
  edge: Edge,
  exchange: reply.Exchange,
  target: ManifestTarget,
  {
    view,
    directives,
    signal,
  }: { readonly view: StreamView; readonly directives: Directives; readonly signal: AbortSignal },
): Promise<void> {
  const patience = { withinMs: deadlineMs(edge, target), signal };
  await view.until(() => hasSettled(view, target.resource), patience);
  if (!isStillGranted(edge, exchange, target)) return;
  if (view.timeline === undefined) return fail(edge, exchange, target, codeOfStanding(view.standing));
  const { resource } = target;
  const { wanted } = directives;
  if (!hasBegun(view.timeline, target.resource)) {
    return fail(edge, exchange, target, isUnknownTrack(view.timeline, resource) ? 'track_not_found' : 'too_early');
  }
  touchLowLatency(view, resource);
  if (resource.kind !== 'playlist' || resource.flavour !== 'low-latency' || wanted === null) {
    return sendManifest(edge, exchange, target, { view, directives, waited: false });
  }
  const at = positionOf(view.timeline, resource.track);
  const excess = at === null ? null : tooFar(view.timeline, at, wanted);
  if (excess !== null) {
    const detail = `the newest segment is ${at?.number}, of ${at?.parts} parts so far`;
    return fail(edge, exchange, target, { code: `hls_${excess}_too_far`, detail });
  }
  const withinMs = BLOCKED_TARGETS * targetMs(view.timeline);
  const reached = await view.until(() => isAnswerable(view, target.resource, directives), { withinMs, signal });
  if (!isStillGranted(edge, exchange, target)) return;
  if (!reached) return fail(edge, exchange, target, 'blocked_too_long');
  sendManifest(edge, exchange, target, { view, directives, waited: true });
}

function touchLowLatency(view: StreamView, resource: ManifestResource): void {
  if (resource.kind === 'playlist' && resource.flavour === 'low-latency') view.touchLowLatency(resource.track);
}

/** Whether it is known what to say of a manifest: that its stream is not there, or what is in it. */
function hasSettled(view: StreamView, resource: ManifestResource): boolean {
  if (view.timeline === undefined) return view.standing !== 'unknown';
  return hasBegun(view.timeline, resource) || isUnknownTrack(view.timeline, resource);
}

/** Whether the answer can be written now. A stream that went away is answered at once too, as such. */
function isAnswerable(view: StreamView, resource: ManifestResource, { wanted }: Directives): boolean {
  const { timeline } = view;
  if (timeline === undefined) return view.standing !== 'unknown';
  if (!hasBegun(timeline, resource)) return false;
  if (resource.kind !== 'playlist' || resource.flavour !== 'low-latency' || wanted === null) return true;
  return timeline.state !== 'live' || hasReached(timeline, resource.track, wanted);
}

function sendManifest(
  edge: Edge,
  exchange: reply.Exchange,
  target: ManifestTarget,
  {
    view,
    directives,
    waited,
  }: { readonly view: StreamView; readonly directives: Directives; readonly waited: boolean },
): void {
  const { timeline } = view;
  if (timeline === undefined) return fail(edge, exchange, target, codeOfStanding(view.standing));
  const { host } = exchange.request.headers;
  const base = host === undefined ? '' : `${edge.scheme}://${host}`;
  const pathways = target.resource.kind === 'playlist' ? NO_PATHWAYS : pathwaysOf(edge.feed, edge.id, target.stream);
  const stored = writeManifest(view, timeline, target, { directives, nowMs: edge.clock.nowMs(), base, pathways });
  if (stored === null) return fail(edge, exchange, target, 'too_early');
  const { hit, blocked } = edge.statuses;
  const sentBytes = reply.replyStored(exchange, stored, {
    edgeId: edge.id,
    cacheStatus: waited ? blocked : hit,
    timing: reply.TIMING_HIT,
    freshness: freshnessOf(target.resource, directives, timeline),
  });
  edge.events.answered(target.resource.kind, waited ? 'blocked' : 'hit', sentBytes);
}

/** A media playlist is the same for all; the others will carry what is one viewer's alone. */
function freshnessOf(resource: ManifestResource, { wanted }: Directives, timeline: Timeline): string {
  if (resource.kind !== 'playlist') return reply.NO_STORE;
  const targetS = targetMs(timeline) / 1000;
  const mayBlock = wanted !== null && resource.flavour === 'low-latency';
  return `max-age=${mayBlock ? targetS * BLOCKED_FRESH_TARGETS : Math.max(1, Math.floor(targetS / 2))}`;
}

function targetMs(timeline: Timeline): number {
  return Math.ceil(timeline.segmentDurationMs / 1000) * 1000;
}

/** Runs what must wait: counted, bounded, and given up when its viewer leaves. */
function later(
  edge: Edge,
  exchange: reply.Exchange,
  target: Target,
  work: (signal: AbortSignal) => Promise<void>,
): void {
  const { socket } = exchange.request;
  if (!edge.waiters.enter(socket)) {
    return fail(edge, exchange, target, exchange.isMedia ? 'too_many_requests' : 'too_many_waiters');
  }
  const left = new AbortController();
  const leave = (): void => left.abort();
  exchange.response.once('close', leave);
  work(left.signal)
    .catch((error: unknown) => {
      edge.events.serveThrew(target.key, 'internal', error);
      fail(edge, exchange, target, 'internal');
    })
    .finally(() => {
      exchange.response.off('close', leave);
      edge.waiters.leave(socket);
    });
}

/** As configured for the stream or the fleet, else as this edge was started. */
function deadlineMs({ feed, id, limits }: Edge, { stream }: Target): number {
  return feed.settingsOf(id, stream).edgeDeadlineMs ?? limits.deadlineMs;
}

interface Complaint {
  readonly code: ProblemCode;
  readonly detail: string;
}

/** An error for a resource that exists as a name. */
function fail(edge: Edge, exchange: reply.Exchange, target: Target, problem: ProblemCode | Complaint): void {
  const { code, detail } = typeof problem === 'string' ? { code: problem, detail: undefined } : problem;
  const told = exchange.isMedia ? softenForMedia(code) : code;
  const hasLeft = exchange.response.destroyed;
  if (!hasLeft) {
    reply.replyProblem(exchange, told, { edgeId: edge.id, ...(detail === undefined ? {} : { detail }) });
  }
  edge.events.answered(target.resource.kind, hasLeft ? 'left' : outcomeOf(code), 0);
}

/** An error for what is no resource's name. */
function misdirect(edge: Edge, exchange: reply.Exchange, code: ProblemCode): void {
  reply.replyProblem(exchange, code, { edgeId: edge.id });
  edge.events.misdirected();
}
