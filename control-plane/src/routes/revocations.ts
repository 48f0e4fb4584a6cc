/** /v1/revocations: ends a session, or all sessions of a stream that were issued until now. */

import { isSessionId } from '@headwater/protocol/names';
import { problemResponse } from '@headwater/service/problem-response';
import { z } from 'zod';
import { type Route, route } from '../api/operation.ts';
import { demandStream } from '../api/permission.ts';
import { roomFor } from '../people/principal.ts';
import type { Services } from '../services.ts';
import { STREAM_NAME } from '../stream-schema.ts';

/** No session token that we mint lives longer, whatever is configured. */
const KEEP_MS = 30 * 86_400_000;

const WHAT = {
  session: z.string().refine(isSessionId, 'wants 1 to 64 of A-Z a-z 0-9 _ -').optional(),
  stream: STREAM_NAME.optional(),
};

const NEW_REVOCATION = z
  .strictObject(WHAT)
  .refine(({ session, stream }) => (session === undefined) !== (stream === undefined), 'wants a session or a stream');

export function revocationRoutes(services: Services): Route[] {
  const { state, config, clock, events } = services;

  const revoke = route(
    {
      id: 'revoke',
      method: 'POST',
      path: '/v1/revocations',
      tag: 'revocations',
      access: 'revocation.create',
      summary: 'Ends a session, or all sessions of a stream that were issued until now.',
      body: NEW_REVOCATION,
      idempotent: true,
      answers: { 201: z.strictObject({ ...WHAT, revokedAt: z.iso.datetime() }).meta({ id: 'Revocation' }) },
      problems: ['stream_not_found', 'stream_out_of_scope', 'too_many_requests'],
    },
    async (context, { body }) => {
      const { session, stream } = body;
      // A session tells nobody which stream it is of, so it is for those who are for every stream.
      const refusal = demandStream(context, stream ?? '');
      if (refusal !== null) return refusal;
      if (stream !== undefined && (await state.stream(stream)) === null) return problemResponse('stream_not_found');
      const subject = session === undefined ? { stream: stream ?? '' } : { session };
      const atMs = Math.floor(clock.nowMs());
      const count = roomFor(context.get('principal'), config.limits.revocations);
      const made = await state.revoke({ ...subject, atMs }, { count, keepMs: KEEP_MS });
      if (made === 'full') {
        const detail = `the limit is ${count} revocations`;
        return problemResponse('too_many_requests', { detail });
      }
      events.revoked(session === undefined ? 'stream' : 'session', session ?? stream ?? '');
      return context.json({ ...subject, revokedAt: new Date(atMs).toISOString() }, 201);
    },
  );

  return [revoke];
}
