/** What a worker answers the others for a pull zone's object that it owns: as it would answer a viewer, and tells it from one. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { ZONE, ZONE_HOST } from '@headwater/protocol/headers';
import type { Edge } from '../edge.ts';
import { without } from '../http-cache/fields.ts';
import { OWNER } from '../zone/node-status.ts';
import { readRequestTarget } from '../zone/request-target.ts';
import { serveZone } from '../zone/serve-zone.ts';
import type { ViewerRequest } from '../viewer-exchange.ts';
import type { Ownership } from './ownership.ts';

const BETWEEN_WORKERS: ReadonlySet<string> = new Set([ZONE, ZONE_HOST]);

export function answerZone(edge: Edge, ownership: Ownership, { request, response }: Asked): void {
  const zoneName = String(request.headers[ZONE]);
  const host = String(request.headers[ZONE_HOST] ?? '');
  const zone = edge.zones.table.named(zoneName);
  const target = readRequestTarget(request.url ?? '', host === '' ? undefined : host);
  // A zone that is not known here yet, or not any more, is one of which the asker has heard sooner or later than this worker.
  if (zone === null || !target.ok || !ownership.owns(`${zoneName}\n${host}\n${request.url}`)) {
    response.writeHead(421, [ZONE, zoneName, 'Content-Length', '0']);
    response.end();
    return;
  }
  const { path, name, query } = target;
  const { events } = edge.zones.edge;
  // The worker that has the viewer counts the request.
  const colleague = { ...edge.zones.edge, id: OWNER, events: { ...events, answered: () => undefined } };
  const exchange = { request: asViewer(request), response, isPrivate: false, isMedia: false, unsent: edge.unsent };
  serveZone(colleague, exchange, { zone, host, path, name, query, isPrivate: false, isForEdge: true });
}

interface Asked {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** The request as the viewer sent it. */
function asViewer(request: IncomingMessage): ViewerRequest {
  const { method, url, httpVersion, headers, socket } = request;
  return {
    method,
    url,
    httpVersion,
    headers,
    rawHeaders: without(request.rawHeaders, BETWEEN_WORKERS),
    socket,
    [Symbol.asyncIterator]: () => request[Symbol.asyncIterator](),
  };
}
