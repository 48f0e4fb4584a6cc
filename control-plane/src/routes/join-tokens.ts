/** /v1/join-tokens: what new nodes come with, once each. */

import { problemResponse } from '@headwater/service/problem-response';
import { z } from 'zod';
import { type Route, route } from '../api/operation.ts';
import { type JoinToken, createJoinToken, deleteJoinToken, findJoinToken, listJoinTokens } from '../join-tokens.ts';
import { NODE_ROLE, ZONE } from '../node-schema.ts';
import { PAGE, pageOf, sendPage } from '../api/pages.ts';
import type { Services } from '../services.ts';

const TTL_LIMIT_SECONDS = 7 * 86_400;

const NEW_TOKEN = z.strictObject({
  role: NODE_ROLE,
  zone: ZONE.nullable().default(null),
  ttlSeconds: z.int().min(1).max(TTL_LIMIT_SECONDS).default(3_600),
});

const JOIN_TOKEN = z
  .strictObject({
    id: z.string().describe('names it; no secret'),
    role: NODE_ROLE,
    zone: ZONE.nullable(),
    expiresAt: z.iso.datetime(),
    usedBy: z.string().nullable().describe('the node that it let in'),
  })
  .meta({ id: 'JoinToken' });

export function joinTokenRoutes(services: Services): Route[] {
  return [...readingRoutes(services), ...changingRoutes(services)];
}

function readingRoutes({ state }: Services): Route[] {
  const list = route(
    {
      id: 'listJoinTokens',
      method: 'GET',
      path: '/v1/join-tokens',
      tag: 'nodes',
      access: 'join-token.read',
      summary: 'Join tokens that were made, without their secrets.',
      query: PAGE,
      tagged: true,
      answers: { 200: z.strictObject({ joinTokens: z.array(JOIN_TOKEN) }) },
    },
    async (context, { query }) =>
      sendPage(context, query, {
        name: 'joinTokens',
        load: async (page) => pageOf(await listJoinTokens(state.store), ({ id }) => id, page),
        idOf: ({ id }) => id,
        describe,
      }),
  );

  const get = route(
    {
      id: 'getJoinToken',
      method: 'GET',
      path: '/v1/join-tokens/:id',
      tag: 'nodes',
      access: 'join-token.read',
      summary: 'One join token, without its secret.',
      tagged: true,
      answers: { 200: JOIN_TOKEN },
      problems: ['join_token_not_found'],
    },
    async (context, { params }) => {
      const token = await findJoinToken(state.store, params.id);
      return token === null ? problemResponse('join_token_not_found') : context.json(describe(token));
    },
  );

  return [list, get];
}

function changingRoutes({ state, config, clock, events }: Services): Route[] {
  const create = route(
    {
      id: 'createJoinToken',
      method: 'POST',
      path: '/v1/join-tokens',
      tag: 'nodes',
      access: 'join-token.change',
      summary: 'Makes a token that lets one node in, once. It is shown here and never again.',
      body: NEW_TOKEN,
      idempotent: true,
      answers: { 201: z.strictObject({ token: z.string(), ...JOIN_TOKEN.shape }).meta({ id: 'CreatedJoinToken' }) },
      problems: ['too_many_requests'],
    },
    async (context, { body }) => {
      const { role, zone, ttlSeconds } = body;
      const order = { role, zone, ttlMs: ttlSeconds * 1000, nowMs: clock.nowMs() };
      const made = await createJoinToken(state.store, order, config.limits.joinTokens);
      if (made === 'full') {
        return problemResponse('too_many_requests', { detail: `the limit is ${config.limits.joinTokens} join tokens` });
      }
      events.joinTokenMade(made.token.id, role);
      return context.json({ token: made.secret, ...describe(made.token) }, 201);
    },
  );

  const remove = route(
    {
      id: 'deleteJoinToken',
      method: 'DELETE',
      path: '/v1/join-tokens/:id',
      tag: 'nodes',
      access: 'join-token.change',
      summary: 'Takes a join token back.',
      tagged: true,
      answers: { 204: null },
      problems: ['join_token_not_found'],
    },
    async (context, { params: { id }, ifMatch }) => {
      const gone = await deleteJoinToken(state.store, id, (token) => ifMatch(describe(token)));
      if (gone) return context.body(null, 204);
      const isThere = (await findJoinToken(state.store, id)) !== null;
      return problemResponse(isThere ? 'precondition_failed' : 'join_token_not_found');
    },
  );

  return [create, remove];
}

function describe({ id, role, zone, expiresAtMs, usedBy }: JoinToken): z.output<typeof JOIN_TOKEN> {
  return { id, role, zone, expiresAt: new Date(expiresAtMs).toISOString(), usedBy: usedBy?.node ?? null };
}
