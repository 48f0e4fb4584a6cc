/** A node's own requests: join, heartbeat, feed. */

import { isNodeId, isStreamName, isZone } from '@headwater/protocol/names';
import type { JoinReply } from '@headwater/protocol/node';
import { problemResponse } from '@headwater/service/problem-response';
import { type Context, Hono } from 'hono';
import { z } from 'zod';
import { askingNode, bearerOf, unauthorized } from '../bearer.ts';
import { reconcileClaims } from '../claims.ts';
import { credentialHash, isSameToken, makeCredential } from '../kept-token.ts';
import { readBody } from '../request-body.ts';
import type { Services } from '../services.ts';

const HEARTBEAT_MS = 1_000;
const STREAM_LIMIT = 1_000;

const URL_TEXT = z.string().max(300);
const PLACE = z.strictObject({ latitude: z.number().min(-90).max(90), longitude: z.number().min(-180).max(180) });

const ZONE = z.string().refine(isZone, 'wants a DNS label in lower case');
const AMOUNT = z.number().min(0).max(Number.MAX_SAFE_INTEGER);

const JOIN = z.strictObject({
  id: z.string().refine(isNodeId, 'wants a DNS label in lower case'),
  role: z.enum(['edge', 'origin', 'geo']),
  url: URL_TEXT.regex(/^https?:\/\/[^/?#\s]+$/, 'wants http(s)://HOST:PORT'),
  rtmpUrl: URL_TEXT.regex(/^rtmp:\/\/[^/?#\s]+$/, 'wants rtmp://HOST:PORT').optional(),
  rtmpsUrl: URL_TEXT.regex(/^rtmps:\/\/[^/?#\s]+$/, 'wants rtmps://HOST:PORT').optional(),
  place: PLACE.nullable(),
  zone: ZONE,
  failureDomain: ZONE,
  capacityBitsPerSecond: AMOUNT,
  version: z.string().max(64),
});

const HEARTBEAT = z.strictObject({
  cursor: z.string().max(200).nullable(),
  load: z.strictObject({
    cpu: AMOUNT,
    egressBytesPerSecond: AMOUNT,
    connections: AMOUNT,
    loopLagMs: AMOUNT,
    requestsPerSecond: AMOUNT,
    errorsPerSecond: AMOUNT,
  }),
  draining: z.boolean(),
  streams: z
    .array(z.strictObject({ name: z.string().refine(isStreamName), epochOrdinal: z.int().min(-1) }))
    .max(STREAM_LIMIT)
    .optional(),
});

export function membershipRoutes(services: Services): Hono {
  const { registry, feed, config, events, joinToken, stopping } = services;
  const routes = new Hono();

  routes.post('/nodes/join', async (context) => {
    if (!isSameToken(bearerOf(context), joinToken)) {
      events.nodeRefused('', 'join token');
      return unauthorized('wants Authorization: Bearer JOIN_TOKEN');
    }
    const body = await readBody(context, JOIN);
    if (!body.ok) return body.refusal;
    const { rtmpUrl, rtmpsUrl, ...request } = body.value;
    const rtmp = { ...(rtmpUrl === undefined ? {} : { rtmpUrl }), ...(rtmpsUrl === undefined ? {} : { rtmpsUrl }) };
    const credential = makeCredential();
    const outcome = await registry.join({ ...request, ...rtmp }, credentialHash(credential), config.limits.nodes);
    if (outcome === 'full') {
      events.nodeRefused(request.id, 'full');
      return problemResponse('too_many_requests', { detail: `the limit is ${config.limits.nodes} nodes` });
    }
    events.nodeJoined(request.id, request.role, request.url);
    return context.json({ credential, heartbeatMs: HEARTBEAT_MS } satisfies JoinReply, 201);
  });

  routes.post('/nodes/:id/heartbeat', async (context) => {
    const member = askingNode(context, services);
    if (member === null) return unauthorized('wants the credential of a join');
    const { id, role } = member.record;
    if (id !== context.req.param('id')) return problemResponse('forbidden', { detail: `the credential is of ${id}` });
    const body = await readBody(context, HEARTBEAT);
    if (!body.ok) return body.refusal;
    const { streams, ...beat } = body.value;
    await registry.heartbeat(id, beat);
    if (role === 'origin' && streams !== undefined) await reconcileClaims(services, id, streams);
    return context.body(null, 204);
  });

  routes.get('/feed', async (context: Context) => {
    const member = askingNode(context, services);
    if (member === null) return unauthorized('wants the credential of a join');
    const { id, role } = member.record;
    const page = await feed.next({
      node: id,
      role,
      cursor: context.req.query('cursor') ?? null,
      signal: AbortSignal.any([context.req.raw.signal, stopping]),
    });
    return page === 'too_many_waiters' ? problemResponse('too_many_waiters') : context.json(page);
  });

  return routes;
}
