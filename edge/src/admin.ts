/** The operator's listener: health, readiness, metrics. Nothing of it is for viewers. */

import { type Server, createServer } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { problemResponse, refuseOddities, refuseUnhandled } from '@headwater/service/problem-response';
import { Hono } from 'hono';

interface AdminOptions {
  /** the exposition */
  readonly metrics: () => string | Promise<string>;
  readonly isReady: () => boolean;
  readonly connections: number;
}

const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** A server that is not listening yet. */
export function createAdminServer({ metrics, isReady, connections }: AdminOptions): Server {
  const app = new Hono();
  app.get('/healthz', (context) => context.json({ status: 'ok' }));
  app.get('/readyz', (context) => (isReady() ? context.json({ status: 'ready' }) : problemResponse('not_ready')));
  app.get('/metrics', async (context) => context.body(await metrics(), 200, { 'content-type': METRICS_TYPE }));
  app.notFound(() => problemResponse('not_found'));
  app.onError(() => problemResponse('internal'));
  const handle = getRequestListener(app.fetch, { errorHandler: refuseUnhandled });
  const server = createServer({ requireHostHeader: false }, (request, response) => void handle(request, response));
  server.maxConnections = connections;
  refuseOddities(server);
  return server;
}
