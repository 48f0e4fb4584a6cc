/** Every route of the control plane on one screen. */

import { randomBytes } from 'node:crypto';
import { getConnInfo } from '@hono/node-server/conninfo';
import { clientAddress } from '@headwater/protocol/client-address';
import type { Metrics } from '@headwater/service/metrics';
import { problemResponse } from '@headwater/service/problem-response';
import { Hono } from 'hono';
import { limitBody } from './api/limit-body.ts';
import { mount } from './api/mount.ts';
import type { ApiEnv, Route } from './api/operation.ts';
import { apiKeyRoutes } from './routes/api-keys.ts';
import { auditRoutes } from './routes/audit.ts';
import { configRoutes } from './routes/configs.ts';
import { explainRoutes } from './routes/explain.ts';
import { issuerRoutes } from './routes/issuers.ts';
import { joinTokenRoutes } from './routes/join-tokens.ts';
import { keyRoutes } from './routes/keys.ts';
import { loginRoutes } from './routes/login.ts';
import { ownRoutes } from './routes/me.ts';
import { membershipRoutes } from './routes/membership.ts';
import { nodeRoutes } from './routes/nodes.ts';
import { publishRoutes } from './routes/publishes.ts';
import { purgeRoutes } from './routes/purges.ts';
import { revocationRoutes } from './routes/revocations.ts';
import { documentRoute, serviceRoutes } from './routes/service.ts';
import { streamRoutes } from './routes/streams.ts';
import { tokenRoutes } from './routes/tokens.ts';
import { userRoutes } from './routes/users.ts';
import { zoneRoutes } from './routes/zones.ts';
import type { Services } from './services.ts';
import { StoreUnavailable } from './state/store.ts';

/** RFC 9110 §10.2.3. */
const RETRY_SOON = { 'retry-after': '1' };

export function createApp(services: Services, metrics: Metrics): Hono<ApiEnv> {
  const { config, events, stopping } = services;
  const app = new Hono<ApiEnv>();

  app.use(async (context, next) => {
    const requestId = randomBytes(8).toString('hex');
    context.set('requestId', requestId);
    const peer = getConnInfo(context).remote.address ?? '';
    context.set('address', clientAddress(peer, context.req.header('x-forwarded-for'), config.trustedProxies));
    await next();
    context.header('x-request-id', requestId);
    // Keys, tokens and credentials: never for a cache.
    context.header('cache-control', 'no-store');
    if (stopping.aborted) context.header('connection', 'close');
    events.answered(context.req.method, context.req.path, context.res.status);
  });
  app.use(limitBody(config.limits.bodyBytes));
  mount(app, allRoutes(services, metrics), services);

  app.notFound(() => problemResponse('not_found'));
  app.onError((error, context) => {
    if (error instanceof StoreUnavailable) return problemResponse('state_unavailable', { headers: RETRY_SOON });
    events.failed(context.req.method, context.req.path, error);
    return problemResponse('internal');
  });
  return app;
}

function allRoutes(services: Services, metrics: Metrics): Route[] {
  const routes = [
    ...serviceRoutes(services, metrics),
    ...membershipRoutes(services),
    ...publishRoutes(services),
    ...streamRoutes(services),
    ...zoneRoutes(services),
    ...tokenRoutes(services),
    ...issuerRoutes(services),
    ...revocationRoutes(services),
    ...keyRoutes(services),
    ...purgeRoutes(services),
    ...configRoutes(services),
    ...joinTokenRoutes(services),
    ...nodeRoutes(services),
    ...loginRoutes(services),
    ...ownRoutes(services),
    ...userRoutes(services),
    ...apiKeyRoutes(services),
    ...auditRoutes(services),
    ...explainRoutes(services),
  ];
  return [documentRoute(routes), ...routes];
}
