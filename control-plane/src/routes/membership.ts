/** A node's own requests: join, credential, heartbeat, feed. */

import { isNodeId, isStreamName, isZone } from '@headwater/protocol/names';
import type { CredentialRequest, JoinRequest, NodeRole, NodeSession } from '@headwater/protocol/node';
import {
  CREDENTIAL_SECONDS,
  isNodeKey,
  mintNodeCredential,
  nodeKeyThumbprint,
  verifyNodeProof,
} from '@headwater/protocol/node-credential';
import type { ProblemCode } from '@headwater/protocol/problem';
import { problemResponse } from '@headwater/service/problem-response';
import { type Context, Hono } from 'hono';
import { z } from 'zod';
import { askingNode, bearerOf, unauthorized } from '../bearer.ts';
import { reconcileClaims } from '../claims.ts';
import type { EnrolledNode } from '../enrolled-nodes.ts';
import { looksLikeJoinToken, readJoinToken } from '../join-tokens.ts';
import { isSameToken } from '../kept-token.ts';
import { readBody } from '../request-body.ts';
import type { Services } from '../services.ts';
import { StoreUnavailable } from '../state/store.ts';

const HEARTBEAT_MS = 1_000;
const STREAM_LIMIT = 1_000;

const URL_TEXT = z.string().max(300);
const PLACE = z.strictObject({ latitude: z.number().min(-90).max(90), longitude: z.number().min(-180).max(180) });
const ZONE = z.string().refine(isZone, 'wants a DNS label in lower case');
const AMOUNT = z.number().min(0).max(Number.MAX_SAFE_INTEGER);

const NODE = z.strictObject({
  id: z.string().refine(isNodeId, 'wants a DNS label in lower case'),
  role: z.enum(['edge', 'origin', 'geo']),
  url: URL_TEXT.regex(/^https?:\/\/[^/?#\s]+$/, 'wants http(s)://HOST:PORT'),
  rtmpUrl: URL_TEXT.regex(/^rtmp:\/\/[^/?#\s]+$/, 'wants rtmp://HOST:PORT').exactOptional(),
  rtmpsUrl: URL_TEXT.regex(/^rtmps:\/\/[^/?#\s]+$/, 'wants rtmps://HOST:PORT').exactOptional(),
  place: PLACE.nullable(),
  zone: ZONE,
  failureDomain: ZONE,
  capacityBitsPerSecond: AMOUNT,
  version: z.string().max(64),
});

const JOIN = z.strictObject({ node: NODE, publicKey: z.string().refine(isNodeKey, 'wants an Ed25519 key, base64url') });
const CREDENTIAL = z.strictObject({ ...JOIN.shape, proof: z.string().max(256), starting: z.boolean() });

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
  const { fleet, feed, stopping } = services;
  const routes = new Hono();

  routes.post('/nodes/join', async (context) => {
    const bearer = bearerOf(context);
    if (!isSameToken(bearer, services.joinToken) && !looksLikeJoinToken(bearer)) {
      return refuse(services, '', 'unauthorized');
    }
    const body = await readBody(context, JOIN);
    if (!body.ok) return body.refusal;
    return join(services, bearer, body.value);
  });

  routes.post('/nodes/:id/credential', async (context) => {
    const body = await readBody(context, CREDENTIAL);
    if (!body.ok) return body.refusal;
    if (body.value.node.id !== context.req.param('id')) {
      return problemResponse('bad_field', { detail: 'node.id: not the path\u2019s' });
    }
    return introduce(services, body.value);
  });

  routes.post('/nodes/:id/heartbeat', async (context) => {
    const member = askingNode(context, services);
    if (member === null) return unauthorized('wants the credential of a node');
    const { id, role } = member.record;
    if (id !== context.req.param('id')) return problemResponse('forbidden', { detail: `the credential is of ${id}` });
    const body = await readBody(context, HEARTBEAT);
    if (!body.ok) return body.refusal;
    const { streams, ...beat } = body.value;
    fleet.heartbeat(id, beat);
    if (role === 'origin' && streams !== undefined) await reconcile(services, id, streams);
    return context.body(null, 204);
  });

  routes.get('/feed', async (context: Context) => {
    const member = askingNode(context, services);
    if (member === null) return unauthorized('wants the credential of a node');
    const { id, role } = member.record;
    const cursor = context.req.query('cursor') ?? null;
    if (cursor !== null) fleet.acknowledged(id, cursor);
    const page = await feed.next({
      node: id,
      role,
      cursor,
      signal: AbortSignal.any([context.req.raw.signal, stopping]),
    });
    if (page === 'too_many_waiters') return problemResponse('too_many_waiters');
    return context.body(feed.textOf(page), 200, { 'content-type': 'application/json' });
  });

  return routes;
}

/** Lets a node in with a standing token, which may take an id over, or with one that was made for it. */
async function join(services: Services, bearer: string, newcomer: JoinRequest): Promise<Response> {
  const { state, enrolled, fleet, config, clock, events, joinToken } = services;
  const { node, publicKey } = newcomer;
  const { id, role } = node;
  const nowMs = Math.floor(clock.nowMs());
  const isStanding = isSameToken(bearer, joinToken);
  const word = isStanding ? STANDING : await readJoinToken(state.store, bearer, { node: id, role, publicKey }, nowMs);
  if (!word.ok) return refuse(services, id, word.code);
  const { zone } = word.token;
  const told = { ...node, zone: zone ?? node.zone };
  const entry = { id, role, publicKey, node: told, zone, drained: false, enrolledAtMs: nowMs };
  const terms = { limit: config.limits.nodes, takeOver: isStanding, use: word.use };
  const outcome = await enrolled.enrol(
    { ...entry, servingSinceMs: servesFrom(role, nowMs) },
    { ...terms, makeRoom: () => longestSilent(services) },
  );
  switch (outcome) {
    case 'full':
      events.nodeRefused(id, outcome);
      return problemResponse('too_many_requests', { detail: `the limit is ${config.limits.nodes} nodes` });
    case 'taken':
      return refuse(services, id, 'node_exists');
    case 'removed':
      return refuse(services, id, 'node_removed');
    case 'outrun':
      return join(services, bearer, newcomer);
    case 'enrolled':
      events.nodeJoined(id, role, node.url);
      await fleet.announce(told);
      return Response.json(openSession(services, { id, publicKey }), { status: 201 });
  }
}

const STANDING = { ok: true, token: { zone: null }, use: null } as const;

/** Only edges have viewers to be kept from them until they have answered a probe. */
function servesFrom(role: NodeRole, nowMs: number): number | null {
  return role === 'edge' ? null : nowMs;
}

/** An enrolled node shows its key: a process of it started, or renews its credential. */
async function introduce(services: Services, request: CredentialRequest): Promise<Response> {
  const { node, publicKey, proof, starting } = request;
  const { enrolled, fleet, clock } = services;
  const nowMs = clock.nowMs();
  const verdict = verifyNodeProof(proof, { node: node.id, publicKey, nowMs });
  if (verdict === 'clock') return refuse(services, node.id, 'node_clock');
  if (verdict !== 'ok') return refuse(services, node.id, 'node_proof');
  // One that joined at another replica a moment ago may not be known here yet.
  if (enrolled.all.get(node.id)?.publicKey !== publicKey) await enrolled.refresh();
  const known = enrolled.all.get(node.id);
  if (known === undefined || known.publicKey !== publicKey || known.role !== node.role) {
    if (await enrolled.isRemoved(publicKey)) return refuse(services, node.id, 'node_removed');
    return refuse(services, node.id, known === undefined ? 'node_unknown' : 'node_proof');
  }
  const told = { ...node, zone: known.zone ?? node.zone };
  const isNews = JSON.stringify(told) !== JSON.stringify(known.node);
  // What viewers were sent to before it started, or moved, may not be there any more.
  const isUntried = starting || told.url !== known.node.url;
  const servingSinceMs = isUntried ? servesFrom(node.role, Math.floor(nowMs)) : known.servingSinceMs;
  if (isNews || isUntried) await enrolled.update(node.id, (before) => ({ ...before, node: told, servingSinceMs }));
  if (isNews || !fleet.hears(node.id)) await fleet.announce(told);
  return Response.json(openSession(services, known));
}

function openSession(
  { clock, credentialKey }: Services,
  { id, publicKey }: Pick<EnrolledNode, 'id' | 'publicKey'>,
): NodeSession {
  const expiresS = Math.floor(clock.nowMs() / 1000) + CREDENTIAL_SECONDS;
  const keyThumbprint = nodeKeyThumbprint(publicKey);
  const credential = mintNodeCredential({ node: id, keyThumbprint, expiresS }, credentialKey);
  return { credential, expiresAtMs: expiresS * 1000, heartbeatMs: HEARTBEAT_MS };
}

function refuse({ events }: Services, id: string, code: ProblemCode): Response {
  events.nodeRefused(id, code);
  const isNobody = code === 'unauthorized' || code === 'join_token_unknown';
  return isNobody ? unauthorized('wants Authorization: Bearer JOIN_TOKEN', code) : problemResponse(code);
}

/** At the limit the node that was silent the longest makes room; a healthy fleet has none. */
function longestSilent({ fleet }: Services): string | null {
  const silent = fleet.members().filter(({ record }) => !record.healthy);
  return silent.sort((a, b) => (a.heardAtMs ?? 0) - (b.heardAtMs ?? 0))[0]?.record.id ?? null;
}

/** Without the store the claims stay as they are; the heartbeat is heard all the same. */
async function reconcile(
  services: Services,
  id: string,
  streams: readonly { readonly name: string; readonly epochOrdinal: number }[],
): Promise<void> {
  try {
    await reconcileClaims(services, id, streams);
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error;
  }
}
