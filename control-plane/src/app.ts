/** Every route of the control plane on one screen. */

import type { Metrics } from '@headwater/service/metrics';
import { problemResponse } from '@headwater/service/problem-response';
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { requireAdmin } from './bearer.ts';
import { configRoutes } from './routes/configs.ts';
import { issuerRoutes } from './routes/issuers.ts';
import { joinTokenRoutes } from './routes/join-tokens.ts';
import { keyRoutes } from './routes/keys.ts';
import { membershipRoutes } from './routes/membership.ts';
import { nodeRoutes } from './routes/nodes.ts';
import { publishRoutes } from './routes/publishes.ts';
import { purgeRoutes } from './routes/purges.ts';
import { revocationRoutes } from './routes/revocations.ts';
import { streamRoutes } from './routes/streams.ts';
import { tokenRoutes } from './routes/tokens.ts';
import type { Services } from './services.ts';
import { StoreUnavailable } from './state/store.ts';

/** RFC 9110 §10.2.3. */
const RETRY_SOON = { 'retry-after': '1' };

/** What each path takes, for the 405 of all else (RFC 9110 §15.5.6). */
const METHODS: readonly (readonly [path: string, methods: string])[] = [
  ['/v1/streams', 'GET, POST'],
  ['/v1/streams/:stream', 'GET, DELETE'],
  ['/v1/tokens', 'POST'],
  ['/v1/issuers', 'GET, POST'],
  ['/v1/issuers/:iss', 'DELETE'],
  ['/v1/revocations', 'POST'],
  ['/v1/keys/rotate', 'POST'],
  ['/v1/purges', 'POST'],
  ['/v1/purges/:id', 'GET'],
  ['/v1/configs', 'GET, POST'],
  ['/v1/configs/:scope', 'GET'],
  ['/v1/configs/:scope/versions/:version', 'GET'],
  ['/v1/configs/:scope/promote', 'POST'],
  ['/v1/configs/:scope/rollback', 'POST'],
  ['/v1/join-tokens', 'GET, POST'],
  ['/v1/join-tokens/:id', 'DELETE'],
  ['/v1/nodes', 'GET'],
  ['/v1/nodes/join', 'POST'],
  ['/v1/nodes/:id', 'GET, DELETE'],
  ['/v1/nodes/:id/drain', 'POST'],
  ['/v1/nodes/:id/credential', 'POST'],
  ['/v1/nodes/:id/heartbeat', 'POST'],
  ['/v1/feed', 'GET'],
  ['/v1/publishes', 'POST'],
  ['/v1/publishes/:stream', 'DELETE'],
  ['/healthz', 'GET'],
  ['/readyz', 'GET'],
  ['/metrics', 'GET'],
];

export function createApp(services: Services, metrics: Metrics): Hono {
  const { config, events, stopping } = services;
  const app = new Hono();

  app.use(async (context, next) => {
    await next();
    // Keys, tokens and credentials: never for a cache.
    context.header('cache-control', 'no-store');
    if (stopping.aborted) context.header('connection', 'close');
    events.answered(context.req.method, context.req.path, context.res.status);
  });
  app.use(
    bodyLimit({
      maxSize: config.limits.bodyBytes,
      onError: () => problemResponse('body_too_large', { detail: `the limit is ${config.limits.bodyBytes} bytes` }),
    }),
  );

  app.get('/healthz', (context) => context.json({ status: 'ok' }));
  app.get('/readyz', (context) =>
    stopping.aborted ? problemResponse('not_ready', { detail: 'stopping' }) : context.json({ status: 'ready' }),
  );
  app.get('/metrics', (context) => context.text(metrics.format()));

  // Nodes come with their own credentials; whoever comes after these lines is the admin.
  app.route('/v1', membershipRoutes(services));
  app.route('/v1/publishes', publishRoutes(services));
  for (const [path, methods] of METHODS) if (isForNodes(path)) app.all(path, () => notAllowed(methods));

  app.use('/v1/*', requireAdmin(services));
  app.route('/v1/streams', streamRoutes(services));
  app.route('/v1/tokens', tokenRoutes(services));
  app.route('/v1/issuers', issuerRoutes(services));
  app.route('/v1/revocations', revocationRoutes(services));
  app.route('/v1/keys', keyRoutes(services));
  app.route('/v1/purges', purgeRoutes(services));
  app.route('/v1/configs', configRoutes(services));
  app.route('/v1/join-tokens', joinTokenRoutes(services));
  app.route('/v1/nodes', nodeRoutes(services));
  for (const [path, methods] of METHODS) app.all(path, () => notAllowed(methods));

  app.notFound(() => problemResponse('not_found'));
  app.onError((error, context) => {
    if (error instanceof StoreUnavailable) return problemResponse('state_unavailable', { headers: RETRY_SOON });
    events.failed(context.req.method, context.req.path, error);
    return problemResponse('internal');
  });
  return app;
}

function isForNodes(path: string): boolean {
  return /^\/v1\/(?:feed|nodes\/join|publishes.*|nodes\/.*\/(?:credential|heartbeat))$/.test(path);
}

function notAllowed(methods: string): Response {
  return problemResponse('method_not_allowed', { headers: { allow: methods } });
}
