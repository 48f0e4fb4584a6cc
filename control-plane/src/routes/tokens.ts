/** /v1/tokens */

import { parseIpPrefix } from '@headwater/protocol/ip-prefix';
import { readPath } from '@headwater/protocol/uri-path';
import { type ZoneEntry, isBelowPrefix } from '@headwater/protocol/zone';
import { problemResponse } from '@headwater/service/problem-response';
import { z } from 'zod';
import { viewerUrls, zoneUrl } from '../addresses.ts';
import { type ApiContext, type Route, route } from '../api/operation.ts';
import { demandStream, demandZones } from '../api/permission.ts';
import type { Services } from '../services.ts';
import { type SessionSubject, mintSession, streamSubject, zoneSubject } from '../session-issuer.ts';
import { STREAM_NAME } from '../stream-schema.ts';
import { ZONE_NAME } from '../zone-schema.ts';

const MINTED = {
  token: z.string().describe('RFC 9246'),
  session: z.string().describe('what a revocation names'),
  expiresAt: z.iso.datetime(),
};

const TOKEN = z
  .strictObject({
    ...MINTED,
    urls: z.strictObject({ hls: z.string(), dash: z.string(), ts: z.string(), watch: z.string() }),
  })
  .meta({ id: 'SessionToken' });

const ZONE_TOKEN = z
  .strictObject({ ...MINTED, urls: z.strictObject({ url: z.string().describe('at an edge') }) })
  .meta({ id: 'ZoneSessionToken' });

const PATH = z
  .string()
  .max(2_048)
  .refine(
    (text) => readPath(text.split('?')[0] ?? '').ok && /^[!-~]*$/.test(text),
    'wants a path, with or without a query',
  )
  .exactOptional();

export function tokenRoutes(services: Services): Route[] {
  const order = z
    .strictObject({
      stream: STREAM_NAME.exactOptional(),
      zone: ZONE_NAME.exactOptional(),
      path: PATH.describe('of a zone: what the URL is of; the token is for the whole zone'),
      ttlSeconds: z.int().min(1).max(services.config.limits.tokenTtlSeconds),
      ip: z
        .string()
        .refine((text) => parseIpPrefix(text) !== null, 'wants an address or a prefix such as 203.0.113.0/24')
        .exactOptional(),
    })
    .refine(({ stream, zone }) => (stream === undefined) !== (zone === undefined), {
      path: ['stream'],
      message: 'wants this or a zone',
    })
    .refine(({ zone, path }) => zone !== undefined || path === undefined, 'path: only of a zone');

  const create = route(
    {
      id: 'createToken',
      method: 'POST',
      path: '/v1/tokens',
      tag: 'tokens',
      access: 'token.mint',
      summary: 'Mints a session token for one stream or one pull zone, and its URLs.',
      body: order,
      idempotent: true,
      answers: { 201: z.union([TOKEN, ZONE_TOKEN]) },
      problems: ['stream_not_found', 'zone_not_found', 'stream_out_of_scope'],
    },
    async (context, { body }) =>
      body.zone === undefined
        ? mintForStream(context, { ...body, stream: body.stream ?? '' }, services)
        : mintForZone(context, { ...body, zone: body.zone }, services),
  );

  return [create];
}

interface Order {
  readonly ttlSeconds: number;
  readonly ip?: string;
}

async function mintForStream(
  context: ApiContext,
  order: Order & { readonly stream: string },
  services: Services,
): Promise<Response> {
  const { stream } = order;
  const refusal = demandStream(context, stream);
  if (refusal !== null) return refusal;
  if ((await services.state.stream(stream)) === null) return problemResponse('stream_not_found');
  const minted = mint(streamSubject(stream), order, services);
  return context.json({ ...minted, urls: viewerUrls(stream, minted.token, services.fleet, services.config) }, 201);
}

async function mintForZone(
  context: ApiContext,
  order: Order & { readonly zone: string; readonly path?: string },
  services: Services,
): Promise<Response> {
  const refusal = demandZones(context);
  if (refusal !== null) return refusal;
  const zone = await services.state.zone(order.zone);
  if (zone === null) return problemResponse('zone_not_found');
  const path = order.path ?? zone.pathPrefix;
  if (!isOf(zone, path)) return problemResponse('bad_field', { detail: `path: wants one below ${zone.pathPrefix}` });
  const minted = mint(zoneSubject(zone), order, services);
  const url = zoneUrl(zone, { path, token: minted.token }, services.fleet, services.config);
  return context.json({ ...minted, urls: { url } }, 201);
}

function isOf({ pathPrefix }: ZoneEntry, path: string): boolean {
  const read = readPath(path.split('?')[0] ?? '');
  return read.ok && isBelowPrefix(read.name, pathPrefix);
}

function mint(
  subject: SessionSubject,
  { ttlSeconds, ip }: Order,
  { clock, signer }: Pick<Services, 'clock' | 'signer'>,
): { readonly token: string; readonly session: string; readonly expiresAt: string } {
  const { token, session, expiresS } = mintSession(subject, { ttlSeconds, ip, nowMs: clock.nowMs() }, signer);
  return { token, session, expiresAt: new Date(expiresS * 1000).toISOString() };
}
