/**
 * ★ The life of a request: parse the target, authorise, look up, fill once, assemble, reply. Every branch is taken here and in
 * `serve-media.ts` and `serve-manifest.ts`; the leaves decide nothing. A hit is answered at once; whatever waits is counted,
 * bounded, and given up when its viewer leaves.
 */

import { readCmcd } from '@headwater/protocol/cmcd';
import type { ProblemCode } from '@headwater/protocol/problem';
import { parseSteering, STEERING_TTL_SECONDS, steeringManifest } from '@headwater/protocol/steering';
import { fail, misdirect } from './answering.ts';
import type { Viewer } from './authorise.ts';
import { type Knock, knock } from './door.ts';
import type { Edge } from './edge.ts';
import { handOver } from './hand-over.ts';
import { isSafe } from './http-cache/invalidation.ts';
import { CLOCK_PATH } from './manifest.ts';
import { hasCaughtUp, isNeighbour, missingPurge } from './neighbour.ts';
import { prioritize } from './pathways.ts';
import * as reply from './reply.ts';
import { complaintOf, hasBody } from './request-form.ts';
import { serveCmaf } from './serve-cmaf.ts';
import { type ManifestTarget, serveManifest } from './serve-manifest.ts';
import { type MediaTarget, serveMedia } from './serve-media.ts';
import { type Target, parseTarget } from './target.ts';
import { type FoundZone, type ZoneFinding, findZone } from './zone/find-zone.ts';
import { serveZone } from './zone/serve-zone.ts';
import { authoriseZone, requestOfNeighbour } from './zone/zone-gate.ts';
import type { ViewerRequest, ViewerResponse } from './viewer-exchange.ts';

/** Answers a viewer's request. What goes wrong with it is its own end and nobody else's. */
export function serve(edge: Edge, request: ViewerRequest, response: ViewerResponse): void {
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
  if (!edge.isReady()) exchange.response.shouldKeepAlive = false;
  const isForZone = isNeighbour(edge, request, 'zone');
  // An edge asks for all its viewers, whose requests it has counted.
  const isSpared = isForZone || isNeighbour(edge, request, 'cmaf');
  if (!isSpared && !edge.rate.admit(request.socket)) return turnBack(edge, exchange);
  const complaint = complaintOf(request, edge.limits.urlBytes);
  if (complaint !== null) return refuse(edge, exchange, complaint);
  if (serveCmaf(edge, exchange)) return;
  const found = findZone(edge.zones.table, request);
  if (isForZone) return answerNeighbour(edge, exchange, found);
  if (found?.kind === 'zone') return answerZone(edge, exchange, found.found);
  if (hasBody(request)) reply.endConnection(exchange);
  if (found !== null)
    return found.code === 'bad_request' ? refuse(edge, exchange, found.code) : misdirect(edge, exchange, found.code);
  if (request.method === 'OPTIONS') return void reply.replyPreflight(exchange, edge.id);
  if (request.method !== 'GET' && request.method !== 'HEAD') return void reply.replyWrongMethod(exchange, edge.id);
  const target = parseTarget(url);
  if (target === null) return serveQuestion(edge, exchange, url);
  exchange.isMedia = isMediaTarget(target);

  const verdict = edge.gate.authorise(target, viewerOf(edge, exchange));
  switch (verdict.kind) {
    case 'refused':
      return fail(edge, exchange, target, verdict.code);
    case 'door':
      return openDoor(edge, exchange, target);
    case 'granted':
      exchange.isPrivate = verdict.isPrivate;
      notePlayer(edge, exchange, target);
      if (exchange.isMedia && isDrained(edge) && handOver(edge, exchange, target, 'draining')) return;
      return isMediaTarget(target)
        ? serveMedia(edge, exchange, target)
        : serveManifest(edge, exchange, target as ManifestTarget);
  }
}

/** Somebody else's objects. */
function answerZone(edge: Edge, exchange: reply.Exchange, found: FoundZone): void {
  const verdict = authoriseZone(edge, found, knockOf(edge, exchange));
  if (verdict.kind === 'granted') {
    const refusal = (): ProblemCode | null => {
      const now = authoriseZone(edge, found, knockOf(edge, exchange));
      return now.kind === 'refused' ? now.code : null;
    };
    return serveZone(edge.zones.edge, exchange, { ...verdict.request, refusal });
  }
  if (hasBody(exchange.request)) reply.endConnection(exchange);
  if (verdict.kind === 'refused') return misdirect(edge, exchange, verdict.code);
  reply.replyRedirect(exchange, verdict.location, { edgeId: edge.id, status: 307 });
  edge.zones.edge.events.answered('redirected', 0);
}

/** Another edge asks for a viewer whom it has let in itself. */
function answerNeighbour(edge: Edge, exchange: reply.Exchange, found: ZoneFinding | null): void {
  const { request, response } = exchange;
  if (hasBody(request) && found?.kind !== 'zone') reply.endConnection(exchange);
  // Its feed may be ahead of ours.
  if (found?.kind !== 'zone') return misdirect(edge, exchange, 'zone_unknown');
  const proto = request.headers['x-forwarded-proto'];
  const asked = requestOfNeighbour(found.found, proto === 'https' ? 'https' : 'http');
  // What changes something is answered by nothing that is stored.
  const point = isSafe(request.method ?? 'GET') ? missingPurge(edge, request) : null;
  if (point === null) return serveZone(edge.zones.edge, exchange, asked);
  if (!edge.waiters.enter(request.socket)) return misdirect(edge, exchange, 'too_many_waiters');
  const left = new AbortController();
  response.once('close', () => left.abort());
  const goOn = async (): Promise<void> => {
    const hasIt = await hasCaughtUp(edge, point, left.signal);
    edge.waiters.leave(request.socket);
    if (hasIt) return serveZone(edge.zones.edge, exchange, asked);
    if (hasBody(request)) reply.endConnection(exchange);
    misdirect(edge, exchange, 'purge_pending');
  };
  goOn().catch((error: unknown) => {
    edge.events.serveThrew(request.url ?? '', 'internal', error);
    misdirect(edge, exchange, 'internal');
  });
}

/** An operator wants it empty. Its playlists go on, and name others first; its media is had from those. */
function isDrained({ feed, id }: Edge): boolean {
  return feed.nodes.get(id)?.draining === true;
}

/** Its address has sent too many. */
function turnBack(edge: Edge, exchange: reply.Exchange): void {
  if (hasBody(exchange.request)) reply.endConnection(exchange);
  reply.replyProblem(exchange, 'too_many_requests', { edgeId: edge.id });
  edge.events.turnedBack();
}

/** What is no request that we answer; what follows it on its connection may be a part of it to somebody else. */
function refuse(edge: Edge, exchange: reply.Exchange, code: ProblemCode): void {
  reply.endConnection(exchange);
  misdirect(edge, exchange, code);
}

/** What a player tells of itself counts for our streams as a whole; what is fetched next is told by the timeline. */
function notePlayer(edge: Edge, { request }: reply.Exchange, { query }: Target): void {
  const { headers } = request;
  const cmcd = readCmcd(query, (name) => headers[name] as string | undefined);
  if (cmcd !== null) edge.events.playerTold(cmcd);
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

function viewerOf({ clock }: Edge, { request }: reply.Exchange): Viewer {
  return { address: request.socket.remoteAddress ?? '', nowMs: clock.nowMs() };
}

/** What the door reads. */
function knockOf(edge: Edge, exchange: reply.Exchange): Knock {
  const { url = '', headers } = exchange.request;
  const { host = '', cookie, authorization } = headers;
  const base = `${edge.scheme}://${host}`;
  return { base, url, cookie, authorization, audience: edge.audience, ...viewerOf(edge, exchange) };
}

/** No path token: a session token may buy one. */
function openDoor(edge: Edge, exchange: reply.Exchange, target: Target): void {
  const verdict = knock(edge.feed, target, knockOf(edge, exchange));
  if (!verdict.ok) return fail(edge, exchange, target, verdict.code);
  reply.replyRedirect(exchange, verdict.location, { edgeId: edge.id, status: 307 });
  edge.events.answered(target.resource.kind, 'redirected', 0);
}
