/**
 * ★ What a worker answers the other workers of its node, on a socket of its own: timelines and objects of the streams that it
 * owns, as an origin would, and those of pull zones, as a parent would. It brings in each object once, whoever asks; the others keep what they have of it.
 */

import { once } from 'node:events';
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import { type CmafPath, WAIT_LIMIT_MS, parseCmafPath } from '@headwater/protocol/cmaf-path';
import * as header from '@headwater/protocol/headers';
import type { Edge } from '../edge.ts';
import type { Fill, FillFailure } from '../fill.ts';
import { parseRanges } from '../http-cache/ranges.ts';
import { waitUntil } from '../patience.ts';
import { type Stored, partFields } from '../stored.ts';
import type { StreamView } from '../stream-view.ts';
import { formatKey } from '../target.ts';
import type { Ownership } from './ownership.ts';
import { answerZone } from './sibling-zones.ts';
import { TimelineRelay } from './timeline-relay.ts';

/** A little more than an origin lets a request wait, so that its word is heard. */
const PATIENCE_MS = WAIT_LIMIT_MS + 500;
const SINCE = /^since=(\d{1,16})$/;

type ObjectPath = Exclude<CmafPath, { kind: 'timeline' }>;

interface Exchange {
  readonly edge: Edge;
  readonly relay: TimelineRelay;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly signal: AbortSignal;
}

/** A server that is not listening yet. */
export function createSiblingServer(edge: Edge, ownership: Ownership): Server {
  const relay = new TimelineRelay();
  // Its clients are this node's own, who close what they do not need.
  const server = createServer({ keepAliveTimeout: 0, noDelay: true }, (request, response) => {
    const left = new AbortController();
    response.once('close', () => left.abort());
    const exchange = { edge, relay, request, response, signal: left.signal };
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
  if (path.kind === 'timeline') return answerTimeline(exchange, view, query);
  return answerObject(exchange, view, path);
}

async function answerTimeline({ relay, response, signal }: Exchange, view: StreamView, query: string): Promise<void> {
  const text = SINCE.exec(query)?.[1];
  const since = text === undefined ? null : Number(text);
  const isNews = (): boolean =>
    view.timeline === undefined ? view.standing !== 'unknown' : view.timeline.revision !== since;
  await view.until(() => isNews() || view.isLost, { withinMs: WAIT_LIMIT_MS, signal });
  // Who follows the stream by this one is as cut off as this one is, and has to know.
  if (view.isLost) return end(response, 503);
  const { timeline, standing } = view;
  if (timeline === undefined) return end(response, 410, [header.STANDING, standing]);
  const body = Buffer.from(JSON.stringify(relay.change(view, timeline, since)));
  const via = view.via.length === 0 ? [] : [header.TIMELINE_VIA, view.via.join(', ')];
  response.writeHead(200, ['Content-Type', 'application/json', 'Content-Length', String(body.length), ...via]);
  response.end(body);
}

async function answerObject(exchange: Exchange, view: StreamView, path: ObjectPath): Promise<void> {
  const { edge, response, request, signal } = exchange;
  const stored = edge.desk.stored(formatKey(path.stream, path));
  if (stored !== undefined) return send(exchange, stored);
  const opened = edge.desk.open(view, path);
  if (opened === null) return fail(response, 'overloaded');
  const { fill } = opened;
  const patience = { withinMs: PATIENCE_MS, signal };
  if (path.kind === 'segment' && request.headers.range === undefined) {
    const begun = await fill.begun(patience);
    if (begun && fill.result === null) return sendGrowing(exchange, fill);
  }
  const result = await fill.whole(patience);
  if (result.ok) send(exchange, result.stored);
  else fail(response, result.reason);
}

/** All of it, or the rest of it (RFC 9110 §14). A part tells of itself, as it did to this worker. */
function send({ request, response }: Exchange, { body, part, mediaType }: Stored): void {
  const fields = ['Content-Type', mediaType];
  if (part !== null) fields.push(...partFields(part));
  const asked = parseRanges(request.headers.range ?? '', body.length);
  switch (asked.kind) {
    case 'whole':
      response.writeHead(200, [...fields, 'Content-Length', String(body.length)]);
      response.end(body);
      return;
    case 'unsatisfiable':
      return end(response, 416, ['Content-Range', `bytes */${body.length}`]);
    case 'ranges': {
      // Its own kind asks for one: the rest of what broke off.
      const [[firstByte, lastByte] = [0, body.length - 1]] = asked.ranges;
      fields.push('Content-Range', `bytes ${firstByte}-${lastByte}/${body.length}`);
      response.writeHead(206, [...fields, 'Content-Length', String(lastByte - firstByte + 1)]);
      response.end(body.subarray(firstByte, lastByte + 1));
    }
  }
}

/** Sends an object while it comes. If it does not come whole the connection is cut. */
async function sendGrowing({ response, signal }: Exchange, fill: Fill): Promise<void> {
  const length = fill.expectedBytes === null ? [] : ['Content-Length', String(fill.expectedBytes)];
  response.writeHead(200, length);
  const stay = (): void => undefined;
  fill.watch(stay);
  for (let sentBytes = 0; !signal.aborted;) {
    const hasMore = (): boolean => fill.result !== null || fill.filledBytes > sentBytes;
    const isAlive = await waitUntil(hasMore, { withinMs: PATIENCE_MS, signal }, (check) => {
      fill.watch(check);
      return () => fill.unwatch(check);
    });
    const { result } = fill;
    if (!isAlive || (result !== null && !result.ok)) break;
    if (result !== null) return void response.end(result.stored.body.subarray(sentBytes));
    const piece = fill.read(sentBytes);
    sentBytes += piece.length;
    if (!response.write(piece)) await once(response, 'drain', { signal }).catch(() => undefined);
  }
  fill.unwatch(stay);
  response.destroy();
}

function fail(response: ServerResponse, reason: FillFailure): void {
  end(response, 503, [header.FILL_FAILURE, reason]);
}

function end(response: ServerResponse, status: number, fields: readonly string[] = []): void {
  response.writeHead(status, [...fields, 'Content-Length', '0']);
  response.end();
}
