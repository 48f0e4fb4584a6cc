/** /v1/tokens */

import { parseIpPrefix } from '@headwater/protocol/ip-prefix';
import { problemResponse } from '@headwater/service/problem-response';
import { z } from 'zod';
import { viewerUrls } from '../addresses.ts';
import { type Route, route } from '../api/operation.ts';
import { demandStream } from '../api/permission.ts';
import type { Services } from '../services.ts';
import { mintSession } from '../session-issuer.ts';
import { STREAM_NAME } from '../stream-schema.ts';

const TOKEN = z
  .strictObject({
    token: z.string().describe('RFC 9246'),
    session: z.string().describe('what a revocation names'),
    expiresAt: z.iso.datetime(),
    urls: z.strictObject({ hls: z.string(), dash: z.string(), ts: z.string(), watch: z.string() }),
  })
  .meta({ id: 'SessionToken' });

export function tokenRoutes(services: Services): Route[] {
  const { state, fleet, config, clock, signer } = services;

  const order = z.strictObject({
    stream: STREAM_NAME,
    ttlSeconds: z.int().min(1).max(config.limits.tokenTtlSeconds),
    ip: z
      .string()
      .refine((text) => parseIpPrefix(text) !== null, 'wants an address or a prefix such as 203.0.113.0/24')
      .optional(),
  });

  const create = route(
    {
      id: 'createToken',
      method: 'POST',
      path: '/v1/tokens',
      tag: 'tokens',
      access: 'token.mint',
      summary: 'Mints a session token for one stream, and its URLs.',
      body: order,
      idempotent: true,
      answers: { 201: TOKEN },
      problems: ['stream_not_found', 'stream_out_of_scope'],
    },
    async (context, { body }) => {
      const { stream, ttlSeconds, ip } = body;
      const refusal = demandStream(context, stream);
      if (refusal !== null) return refusal;
      if ((await state.stream(stream)) === null) return problemResponse('stream_not_found');
      const { token, session, expiresS } = mintSession({ stream, ttlSeconds, ip, nowMs: clock.nowMs() }, signer);
      const expiresAt = new Date(expiresS * 1000).toISOString();
      return context.json({ token, session, expiresAt, urls: viewerUrls(stream, token, fleet, config) }, 201);
    },
  );

  return [create];
}
