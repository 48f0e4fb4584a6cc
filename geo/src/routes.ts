/** geo's routes: the door, the watch page, and what operators ask. */

import { type HttpBindings } from '@hono/node-server';
import type { WatchPage } from '@headwater/players/page';
import { isAuthority } from '@headwater/protocol/authority';
import { isStreamName } from '@headwater/protocol/names';
import { EXPLAIN_PATH } from '@headwater/protocol/explanation';
import { EDGE_ID } from '@headwater/protocol/headers';
import { isInPrefix } from '@headwater/protocol/ip-prefix';
import type { Metrics } from '@headwater/service/metrics';
import { problemResponse } from '@headwater/service/problem-response';
import { type Context, Hono } from 'hono';
import { cors } from 'hono/cors';
import { type Door, type DoorAnswer, answerDoor } from './door.ts';
import type { EdgeViews } from './edge-views.ts';
import { answerSteering } from './steer.ts';
import { explain, questionOf } from './explain.ts';
import type { GeoEvents } from './events.ts';

export interface RouteParts {
  readonly door: Door;
  readonly edges: Pick<EdgeViews, 'sent'>;
  readonly page: WatchPage;
  readonly events: GeoEvents;
  readonly metrics: Metrics;
  /** a longer request target is refused */
  readonly urlLimitBytes: number;
  /** false while starting without a known fleet, and while stopping */
  readonly ready: () => boolean;
}

type Env = { readonly Bindings: HttpBindings };

const PREFLIGHT_SECONDS = 86_400;

export function createRoutes(parts: RouteParts): Hono<Env> {
  const { page, events, metrics, ready, urlLimitBytes } = parts;
  const app = new Hono<Env>();
  const forPlayers = cors({
    origin: '*',
    allowMethods: ['GET', 'HEAD', 'OPTIONS'],
    // As an edge does: whatever a player adds. `*` leaves `authorization` out (Fetch standard §3.2.5).
    allowHeaders: ['*', 'authorization'],
    exposeHeaders: ['*'],
    maxAge: PREFLIGHT_SECONDS,
  });
  app.use('/live/*', forPlayers);
  app.use('/steering/*', forPlayers);
  app.use(async (context, next) => {
    if ((context.env.incoming.url ?? '').length > urlLimitBytes) return problemResponse('uri_too_long');
    return next();
  });
  app.get('/live/*', (context) => openDoor(context, parts));
  app.get('/steering/*', (context) => steer(context, parts));
  app.get(EXPLAIN_PATH, (context) => answerOperator(context, parts));
  app.get('/watch/:stream', (context) => showPage(context.req.param('stream'), page));
  app.get('/players/*', (context) => sendPageFile(context, page));
  app.get('/healthz', (context) => context.text('ok\n'));
  app.get('/readyz', (context) => (ready() ? context.text('ready\n') : problemResponse('not_ready')));
  app.get('/metrics', (context) => context.text(metrics.format(), 200, { 'content-type': METRICS_TYPE }));
  app.on(['POST', 'PUT', 'PATCH', 'DELETE'], '*', () =>
    problemResponse('method_not_allowed', { headers: { allow: 'GET, HEAD, OPTIONS' } }),
  );
  app.notFound(() => problemResponse('not_found'));
  app.onError((error) => {
    events.failed(error);
    return problemResponse('internal');
  });
  return app;
}

const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

function openDoor(context: Context<Env>, { door, edges, events }: RouteParts): Response {
  const { incoming } = context.env;
  const socketAddress = incoming.socket.remoteAddress ?? '';
  const answer = answerDoor(
    {
      origin: requestOrigin(context, door, socketAddress),
      url: incoming.url ?? '',
      socketAddress,
      forwardedFor: context.req.header('x-forwarded-for'),
      cookie: context.req.header('cookie'),
      authorization: context.req.header('authorization'),
    },
    door,
  );
  if (answer.kind === 'refused') {
    events.viewerRefused(answer.code, answer.uriSigning);
    return problemResponse(answer.code);
  }
  return wantsList(context.req.header('accept')) ? list(answer, events) : redirect(answer, edges, events);
}

function steer(context: Context<Env>, { door, events }: RouteParts): Response {
  const { incoming } = context.env;
  const socketAddress = incoming.socket.remoteAddress ?? '';
  const forwardedFor = context.req.header('x-forwarded-for');
  const origin = requestOrigin(context, door, socketAddress);
  const manifest = answerSteering({ origin, url: incoming.url ?? '', socketAddress, forwardedFor }, door);
  if (manifest === null) return problemResponse('not_found');
  events.steered();
  const headers = { 'content-type': 'application/json', 'cache-control': 'private, no-store' };
  return new Response(manifest, { headers });
}

function answerOperator(context: Context<Env>, { door, events }: RouteParts): Response {
  const question = questionOf(context.req.header('authorization'), door);
  if (question === null) {
    const headers = { 'www-authenticate': 'Bearer' };
    return problemResponse('unauthorized', { detail: 'ask the control plane: GET /v1/explain', headers });
  }
  events.edgesListed(question.stream);
  return Response.json(explain(question, door), { headers: { 'cache-control': 'private, no-store' } });
}

type Edges = Extract<DoorAnswer, { kind: 'edges' }>;

/** 307: the way in ends, so no cache may keep it. */
function redirect(answer: Edges, edges: RouteParts['edges'], events: GeoEvents): Response {
  const { stream } = answer;
  const best = answer.edges[0] as Edges['edges'][number];
  edges.sent(best.edge.id);
  events.viewerSent(stream, best.edge.id, best.distanceKm);
  const headers = { location: best.url, 'cache-control': 'private, no-store', vary: 'accept', [EDGE_ID]: best.edge.id };
  return new Response(null, { status: 307, headers });
}

function list({ stream, address, location, expiresS, edges }: Edges, events: GeoEvents): Response {
  events.edgesListed(stream);
  const body = {
    stream,
    viewer: { address, ...location },
    expiresAt: expiresS === null ? null : new Date(expiresS * 1000).toISOString(),
    edges: edges.map(({ edge, url, condition, distanceKm, load, reasons }) => ({
      id: edge.id,
      url,
      condition,
      distanceKm: distanceKm === null ? null : Math.round(distanceKm),
      load: Math.round(load * 100) / 100,
      reasons,
    })),
  };
  return Response.json(body, { headers: { 'cache-control': 'private, no-store', vary: 'accept' } });
}

/** A player's own `Accept` names media or anything; only who asks for JSON before all gets a list. */
function wantsList(accept: string | undefined): boolean {
  return /^\s*application\/json\b/i.test(accept ?? '');
}

/** The scheme and host that the viewer used; what a trusted proxy says of them counts. */
function requestOrigin(context: Context<Env>, door: Door, socketAddress: string): string {
  const proxied = door.trustedProxies.some((prefix) => isInPrefix(socketAddress, prefix));
  const scheme = proxied && context.req.header('x-forwarded-proto') === 'https' ? 'https' : 'http';
  // Many proxies hand on what a client wrote there.
  const hosts = [...(proxied ? [context.req.header('x-forwarded-host')] : []), context.req.header('host')];
  return `${scheme}://${hosts.find((host) => host !== undefined && isAuthority(host)) ?? 'localhost'}`;
}

function showPage(stream: string, page: WatchPage): Response {
  if (!isStreamName(stream)) return problemResponse('not_found');
  const { body, headers } = page.show(stream);
  return new Response(body, { headers });
}

async function sendPageFile(context: Context<Env>, page: WatchPage): Promise<Response> {
  const acceptsGzip = /\bgzip\b/.test(context.req.header('accept-encoding') ?? '');
  const file = await page.file(context.req.path, acceptsGzip);
  return file === null ? problemResponse('not_found') : new Response(file.body, { headers: file.headers });
}
