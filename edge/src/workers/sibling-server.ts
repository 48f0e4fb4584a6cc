/**
 * ★ What a worker answers the other workers of its node, on a socket of its own: timelines and objects of the streams that it
 * owns, as an origin would, and those of pull zones, as a parent would. It brings in each object once,
 * whoever asks; the others keep what they have of it.
 */

import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import { type CmafPath, WAIT_LIMIT_MS, parseCmafPath } from '@headwater/protocol/cmaf-path';
import * as header from '@headwater/protocol/headers';
import type { Edge } from '../edge.ts';
import type { FillFailure } from '../fill.ts';
import * as reply from '../reply.ts';
import { type PartFacts, mediaTypeOf, partFields } from '../stored.ts';
import type { StreamView } from '../stream-view.ts';
import { formatKey } from '../target.ts';
import { OWNER } from '../zone/node-status.ts';
import type { Ownership } from './ownership.ts';
import { answerTimeline } from './sibling-timeline.ts';
import { answerZone } from './sibling-zones.ts';
import { TimelineRelay } from './timeline-relay.ts';

/** A little more than an origin lets a request wait, so that its word is heard. */
const PATIENCE_MS = WAIT_LIMIT_MS + 500;
/** Where a viewer's fields come in they are bounded already, and a worker adds a few of its own. */
const HEADER_BYTES = 256 * 1024;

type ObjectPath = Exclude<CmafPath, { kind: 'timeline' }>;

interface Exchange {
  readonly edge: Edge;
  readonly relay: TimelineRelay;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly signal: AbortSignal;
  readonly reply: reply.Exchange;
}

/** A server that is not listening yet. */
export function createSiblingServer(edge: Edge, ownership: Ownership): Server {
  const relay = new TimelineRelay();
  // Its clients are this node's own, who close what they do not need.
  const options = { keepAliveTimeout: 0, noDelay: true, maxHeaderSize: HEADER_BYTES };
  const server = createServer(options, (request, response) => {
    const left = new AbortController();
    response.once('close', () => left.abort());
    const asViewers = { request, response, isPrivate: false, isMedia: true, unsent: edge.unsent };
    const exchange = { edge, relay, request, response, signal: left.signal, reply: asViewers };
    answer(exchange, ownership).catch((error: unknown) => {
      edge.events.serveThrew(request.url ?? '', 'internal', error);
      response.destroy();
    });
  });
  return server;
}

async function answer(exchange: Exchange, ownership: Ownership): Promise<void> {
  const { edge, request, response } = exchange;
  if (request.headers[header.ZONE] !== undefined) return answerZone(edge, ownership, { request, response });
  const [pathname = '', query = ''] = (request.url ?? '').split('?', 2);
  const path = parseCmafPath(pathname);
  if (path === null) return end(response, 404);
  // Who asks has heard of a worker's end, or birth, later than this one or sooner. In a moment both know.
  if (!ownership.owns(path.stream)) return end(response, 421);
  const view = edge.views.open(path.stream);
  if (view === null) return end(response, 503, [header.FILL_FAILURE, 'overloaded' satisfies FillFailure]);
  const { relay, signal } = exchange;
  if (path.kind === 'timeline') return answerTimeline(view, relay, { query, response, signal });
  return answerObject(exchange, view, path);
}

async function answerObject(exchange: Exchange, view: StreamView, path: ObjectPath): Promise<void> {
  const { edge, response, signal } = exchange;
  const stored = edge.desk.stored(formatKey(path.stream, path));
  if (stored !== undefined) return void reply.replyStored(exchange.reply, stored, tellingOf(stored.part));
  const opened = edge.desk.open(view, path);
  if (opened === null) return fail(response, 'overloaded');
  const { fill } = opened;
  const patience = { withinMs: PATIENCE_MS, signal };
  const mayGrow = path.kind === 'segment' && !reply.wantsWhole(exchange.reply);
  if (mayGrow && (await fill.begun(patience)) && fill.result === null) {
    const about = { mediaType: mediaTypeOf(path), etag: `"${formatKey(path.stream, path)}"`, telling: tellingOf(null) };
    await reply.replyGrowing(exchange.reply, fill, about);
    return;
  }
  const result = await fill.whole(patience);
  if (result.ok) reply.replyStored(exchange.reply, result.stored, tellingOf(result.stored.part));
  else fail(response, result.reason);
}

/** Named for nobody: this is said within the node. A part tells of itself, as it did to this worker. */
function tellingOf(part: PartFacts | null): reply.Telling {
  const more = part === null ? [] : partFields(part);
  return { edgeId: OWNER, cacheStatus: OWNER, timing: reply.TIMING_HIT, freshness: reply.IMMUTABLE, more };
}

function fail(response: ServerResponse, reason: FillFailure): void {
  end(response, 503, [header.FILL_FAILURE, reason]);
}

function end(response: ServerResponse, status: number, fields: readonly string[] = []): void {
  response.writeHead(status, [...fields, 'Content-Length', '0']);
  response.end();
}
