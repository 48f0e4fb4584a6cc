/** /v1/revocations: ends a session, or all sessions of a stream that were issued until now. */

import { isSessionId } from '@headwater/protocol/names';
import { problemResponse } from '@headwater/service/problem-response';
import { Hono } from 'hono';
import { z } from 'zod';
import { readBody } from '../request-body.ts';
import type { Services } from '../services.ts';
import { STREAM_NAME } from './streams.ts';

/** No session token that we mint lives longer, whatever is configured. */
const KEEP_MS = 30 * 86_400_000;

const NEW_REVOCATION = z
  .strictObject({
    session: z.string().refine(isSessionId, 'wants 1 to 64 of A-Z a-z 0-9 _ -').optional(),
    stream: STREAM_NAME.optional(),
  })
  .refine(({ session, stream }) => (session === undefined) !== (stream === undefined), 'wants a session or a stream');

export function revocationRoutes(services: Services): Hono {
  const { state, config, clock, events } = services;
  const routes = new Hono();

  routes.post('/', async (context) => {
    const body = await readBody(context, NEW_REVOCATION);
    if (!body.ok) return body.refusal;
    const { session, stream } = body.value;
    if (stream !== undefined && (await state.stream(stream)) === null) return problemResponse('stream_not_found');
    const subject = session === undefined ? { stream: stream ?? '' } : { session };
    const atMs = Math.floor(clock.nowMs());
    const made = await state.revoke({ ...subject, atMs }, { count: config.limits.revocations, keepMs: KEEP_MS });
    if (made === 'full') {
      return problemResponse('too_many_requests', { detail: `the limit is ${config.limits.revocations} revocations` });
    }
    events.revoked(session === undefined ? 'stream' : 'session', session ?? stream ?? '');
    return context.json({ ...subject, revokedAt: new Date(atMs).toISOString() }, 201);
  });

  return routes;
}
