/** /v1/publishes: origins claim and release streams. */

import { problemResponse } from '@headwater/service/problem-response';
import { z } from 'zod';
import { type Route, route } from '../api/operation.ts';
import { claimStream, releaseStream } from '../claims.ts';
import type { Services } from '../services.ts';
import { LADDER } from '../stream-schema.ts';

const PUBLISH = z.strictObject({ stream: z.string().max(64), key: z.string().max(256), origin: z.string().max(63) });
const CLAIM = z.strictObject({ stream: z.string(), ladder: LADDER.nullable(), lastEpochOrdinal: z.int() });

export function publishRoutes(services: Services): Route[] {
  const { state, events } = services;

  const claim = route(
    {
      id: 'claimStream',
      method: 'POST',
      path: '/v1/publishes',
      tag: 'nodes (internal)',
      access: 'node',
      audit: 'none',
      summary: 'An origin claims the stream that a publisher with its key brings.',
      body: PUBLISH,
      answers: { 200: CLAIM.meta({ id: 'Claim' }) },
      problems: ['forbidden', 'publish_denied', 'stream_not_found', 'stream_claimed'],
    },
    async (context, { body }) => {
      const { role, id } = context.get('member').record;
      if (role !== 'origin' || id !== body.origin) {
        return problemResponse('forbidden', { detail: 'an origin claims for itself' });
      }
      const outcome = await claimStream(services, body);
      if (!outcome.ok) {
        events.publishRefused(body.stream, id, outcome.code);
        return problemResponse(outcome.code);
      }
      const { name, ladder, lastEpochOrdinal } = outcome.stream;
      return context.json({ stream: name, ladder, lastEpochOrdinal });
    },
  );

  const release = route(
    {
      id: 'releaseStream',
      method: 'DELETE',
      path: '/v1/publishes/:stream',
      tag: 'nodes (internal)',
      access: 'node',
      audit: 'none',
      summary: 'An origin gives its claim on a stream up.',
      answers: { 204: null },
      problems: ['stream_not_found', 'stream_claimed'],
    },
    async (context, { params }) => {
      const stream = await state.stream(params.stream);
      if (stream === null) return problemResponse('stream_not_found');
      const { id } = context.get('member').record;
      const free = stream.origin === null || (await releaseStream(services, stream, id));
      return free ? context.body(null, 204) : problemResponse('stream_claimed');
    },
  );

  return [claim, release];
}
