/** /v1/revocations: ends a session, or all sessions of a stream or a pull zone that were issued until now. */

import { isSessionId } from '@headwater/protocol/names';
import { problemResponse } from '@headwater/service/problem-response';
import { z } from 'zod';
import { type Route, route } from '../api/operation.ts';
import { demandStream, demandZones } from '../api/permission.ts';
import { roomFor } from '../people/principal.ts';
import type { Services } from '../services.ts';
import { STREAM_NAME } from '../stream-schema.ts';
import { ZONE_NAME } from '../zone-schema.ts';

/** No session token that we mint lives longer, whatever is configured. */
const KEEP_MS = 30 * 86_400_000;

const WHAT = {
  session: z.string().refine(isSessionId, 'wants 1 to 64 of A-Z a-z 0-9 _ -').exactOptional(),
  stream: STREAM_NAME.exactOptional(),
  zone: ZONE_NAME.exactOptional(),
};

const NEW_REVOCATION = z
  .strictObject(WHAT)
  .refine((what) => Object.keys(what).length === 1, 'wants a session, a stream or a zone');

export function revocationRoutes(services: Services): Route[] {
  const { state, config, clock, events } = services;

  const revoke = route(
    {
      id: 'revoke',
      method: 'POST',
      path: '/v1/revocations',
      tag: 'revocations',
      access: 'revocation.create',
      summary: 'Ends a session, or all sessions of a stream or a pull zone that were issued until now.',
      body: NEW_REVOCATION,
      idempotent: true,
      answers: { 201: z.strictObject({ ...WHAT, revokedAt: z.iso.datetime() }).meta({ id: 'Revocation' }) },
      problems: ['stream_not_found', 'stream_out_of_scope', 'too_many_requests'],
    },
    async (context, { body }) => {
      const { stream } = body;
      // A session tells nobody what it is of, so it is for those who are for everything.
      const refusal = stream === undefined ? demandZones(context) : demandStream(context, stream);
      if (refusal !== null) return refusal;
      if (stream !== undefined && (await state.stream(stream)) === null) return problemResponse('stream_not_found');
      // An edge may have zones of its own that nobody else knows.
      const atMs = Math.floor(clock.nowMs());
      const count = roomFor(context.get('principal'), config.limits.revocations);
      const made = await state.revoke({ ...body, atMs }, { count, keepMs: KEEP_MS });
      if (made === 'full') {
        const detail = `the limit is ${count} revocations`;
        return problemResponse('too_many_requests', { detail });
      }
      const [kind = 'session', name = ''] = Object.entries(body)[0] ?? [];
      events.revoked(kind as keyof typeof WHAT, name);
      return context.json({ ...body, revokedAt: new Date(atMs).toISOString() }, 201);
    },
  );

  return [revoke];
}
