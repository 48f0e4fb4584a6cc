/** /v1/api-keys: what programs carry. */

import { problemResponse } from '@headwater/service/problem-response';
import { z } from 'zod';
import { type Route, route } from '../api/operation.ts';
import { PAGE, sendPage } from '../api/pages.ts';
import { createApiKey, deleteApiKey, listApiKeys } from '../people/api-keys.ts';
import { API_KEY, ROLE, STREAMS, describeKey, mayBeScoped } from '../people-schema.ts';
import type { Services } from '../services.ts';

const TTL_LIMIT_SECONDS = 10 * 365 * 86_400;

const NEW_KEY = z.strictObject({
  label: z.string().regex(/^[^\p{C}]{1,100}$/u, 'wants 1 to 100 characters that can be seen'),
  role: ROLE,
  streams: STREAMS.default(null),
  sensitive: z.boolean().default(false).describe('it may do what people show the second factor again for'),
  ttlSeconds: z
    .int()
    .min(1)
    .max(TTL_LIMIT_SECONDS)
    .nullable()
    .default(null)
    .describe('null: it does not end by itself'),
});

export function apiKeyRoutes({ people, config, clock }: Services): Route[] {
  const create = route(
    {
      id: 'createApiKey',
      method: 'POST',
      path: '/v1/api-keys',
      tag: 'people',
      access: 'people.change',
      summary: 'Makes a key. It is shown here and never again.',
      body: NEW_KEY,
      idempotent: true,
      answers: { 201: z.strictObject({ key: z.string(), ...API_KEY.shape }).meta({ id: 'CreatedApiKey' }) },
      problems: ['too_many_requests'],
    },
    async (context, { body: { ttlSeconds, ...order } }) => {
      if (order.streams !== null && !mayBeScoped(order.role)) {
        return problemResponse('bad_field', { detail: 'streams: only for a publisher or a viewer-issuer' });
      }
      const createdAtMs = Math.floor(clock.nowMs());
      const expiresAtMs = ttlSeconds === null ? null : createdAtMs + ttlSeconds * 1000;
      const createdBy = context.get('principal').name;
      const full = { ...order, createdBy, createdAtMs, expiresAtMs };
      const made = await createApiKey(people.store, full, config.limits.apiKeys);
      if (made === 'full') {
        return problemResponse('too_many_requests', { detail: `the limit is ${config.limits.apiKeys} keys` });
      }
      const location = { location: `/v1/api-keys/${made.key.id}` };
      return context.json({ key: made.secret, ...describeKey(made.key) }, 201, location);
    },
  );

  const list = route(
    {
      id: 'listApiKeys',
      method: 'GET',
      path: '/v1/api-keys',
      tag: 'people',
      access: 'people.read',
      summary: 'Every key, without its secret.',
      query: PAGE,
      tagged: true,
      answers: { 200: z.strictObject({ apiKeys: z.array(API_KEY) }) },
    },
    async (context, { query }) =>
      sendPage(context, query, {
        name: 'apiKeys',
        load: (page) => listApiKeys(people.store, page),
        idOf: ({ id }) => id,
        describe: describeKey,
      }),
  );

  const remove = route(
    {
      id: 'deleteApiKey',
      method: 'DELETE',
      path: '/v1/api-keys/:id',
      tag: 'people',
      access: 'people.change',
      summary: 'Ends a key.',
      answers: { 204: null },
      problems: ['api_key_not_found'],
    },
    async (context, { params }) =>
      (await deleteApiKey(people.store, params.id)) ? context.body(null, 204) : problemResponse('api_key_not_found'),
  );

  return [create, list, remove];
}
