/** /v1/publishes: origins claim and release streams. */

import { problemResponse } from '@headwater/service/problem-response';
import { Hono } from 'hono';
import { z } from 'zod';
import { askingNode, unauthorized } from '../bearer.ts';
import { claimStream, releaseStream } from '../claims.ts';
import { readBody } from '../request-body.ts';
import type { Services } from '../services.ts';

const PUBLISH = z.strictObject({ stream: z.string().max(64), key: z.string().max(256), origin: z.string().max(63) });

export function publishRoutes(services: Services): Hono {
  const { state, events } = services;
  const routes = new Hono();

  routes.post('/', async (context) => {
    const member = askingNode(context, services);
    if (member === null) return unauthorized('wants the credential of a join');
    const body = await readBody(context, PUBLISH);
    if (!body.ok) return body.refusal;
    const { role, id } = member.record;
    if (role !== 'origin' || id !== body.value.origin) {
      return problemResponse('forbidden', { detail: 'an origin claims for itself' });
    }
    const outcome = await claimStream(services, body.value);
    if (!outcome.ok) {
      events.publishRefused(body.value.stream, id, outcome.code);
      return problemResponse(outcome.code);
    }
    const { name, ladder, lastEpochOrdinal } = outcome.stream;
    return context.json({ stream: name, ladder, lastEpochOrdinal });
  });

  routes.delete('/:stream', async (context) => {
    const member = askingNode(context, services);
    if (member === null) return unauthorized('wants the credential of a join');
    const stream = await state.stream(context.req.param('stream'));
    if (stream === null) return problemResponse('stream_not_found');
    const free = stream.origin === null || (await releaseStream(services, stream, member.record.id));
    return free ? context.body(null, 204) : problemResponse('stream_claimed');
  });

  return routes;
}
