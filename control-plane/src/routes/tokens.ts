/** /v1/tokens */

import { parseIpPrefix } from '@headwater/protocol/ip-prefix';
import { problemResponse } from '@headwater/service/problem-response';
import { Hono } from 'hono';
import { z } from 'zod';
import { viewerUrls } from '../addresses.ts';
import { readBody } from '../request-body.ts';
import type { Services } from '../services.ts';
import { mintSession } from '../session-issuer.ts';
import { STREAM_NAME } from './streams.ts';

export function tokenRoutes(services: Services): Hono {
  const { state, fleet, config, clock, signer } = services;
  const routes = new Hono();

  const order = z.strictObject({
    stream: STREAM_NAME,
    ttlSeconds: z.int().min(1).max(config.limits.tokenTtlSeconds),
    ip: z
      .string()
      .refine((text) => parseIpPrefix(text) !== null, 'wants an address or a prefix such as 203.0.113.0/24')
      .optional(),
  });

  routes.post('/', async (context) => {
    const body = await readBody(context, order);
    if (!body.ok) return body.refusal;
    const { stream, ttlSeconds, ip } = body.value;
    if ((await state.stream(stream)) === null) return problemResponse('stream_not_found');
    const { token, session, expiresS } = mintSession({ stream, ttlSeconds, ip, nowMs: clock.nowMs() }, signer);
    const expiresAt = new Date(expiresS * 1000).toISOString();
    return context.json({ token, session, expiresAt, urls: viewerUrls(stream, token, fleet, config) }, 201);
  });

  return routes;
}
