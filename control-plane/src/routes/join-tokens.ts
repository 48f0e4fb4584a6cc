/** /v1/join-tokens: what new nodes come with, once each. */

import { isZone } from '@headwater/protocol/names';
import { problemResponse } from '@headwater/service/problem-response';
import { Hono } from 'hono';
import { z } from 'zod';
import { type JoinToken, createJoinToken, deleteJoinToken, listJoinTokens } from '../join-tokens.ts';
import { readBody } from '../request-body.ts';
import type { Services } from '../services.ts';

const TTL_LIMIT_SECONDS = 7 * 86_400;

const NEW_TOKEN = z.strictObject({
  role: z.enum(['edge', 'origin', 'geo']),
  zone: z.string().refine(isZone, 'wants a DNS label in lower case').nullable().default(null),
  ttlSeconds: z.int().min(1).max(TTL_LIMIT_SECONDS).default(3_600),
});

export function joinTokenRoutes(services: Services): Hono {
  const { state, config, clock, events } = services;
  const routes = new Hono();

  routes.post('/', async (context) => {
    const body = await readBody(context, NEW_TOKEN);
    if (!body.ok) return body.refusal;
    const { role, zone, ttlSeconds } = body.value;
    const order = { role, zone, ttlMs: ttlSeconds * 1000, nowMs: clock.nowMs() };
    const made = await createJoinToken(state.store, order, config.limits.joinTokens);
    if (made === 'full') {
      return problemResponse('too_many_requests', { detail: `the limit is ${config.limits.joinTokens} join tokens` });
    }
    events.joinTokenMade(made.token.id, role);
    return context.json({ token: made.secret, ...describe(made.token) }, 201);
  });

  routes.get('/', async (context) => {
    const tokens = await listJoinTokens(state.store);
    return context.json({ joinTokens: tokens.map(describe) });
  });

  routes.delete('/:id', async (context) => {
    const gone = await deleteJoinToken(state.store, context.req.param('id'));
    return gone ? context.body(null, 204) : problemResponse('join_token_not_found');
  });

  return routes;
}

function describe({ id, role, zone, expiresAtMs, usedBy }: JoinToken): object {
  return { id, role, zone, expiresAt: new Date(expiresAtMs).toISOString(), usedBy: usedBy?.node ?? null };
}
