/** A node's own requests: join, credential, heartbeat, feed. */

import { isStreamName } from '@headwater/protocol/names';
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
import { z } from 'zod';
import { type Route, route } from '../api/operation.ts';
import { bearerOf, unauthorized } from '../bearer.ts';
import { reconcileClaims } from '../claims.ts';
import type { EnrolledNode } from '../enrolled-nodes.ts';
import { FEED_PAGE } from '../feed-schema.ts';
import { readJoinToken } from '../join-tokens.ts';
import { isSameToken } from '../kept-token.ts';
import { LOAD, NODE } from '../node-schema.ts';
import type { Services } from '../services.ts';
import { StoreUnavailable } from '../state/store.ts';

const HEARTBEAT_MS = 1_000;
const STREAM_LIMIT = 1_000;

const PROOF = z.string().max(256);
const JOIN = z.strictObject({
  node: NODE,
  publicKey: z.string().refine(isNodeKey, 'wants an Ed25519 key, base64url'),
  proof: PROOF.exactOptional().describe('wanted of whoever comes again with a token that was used'),
});
const CREDENTIAL = z.strictObject({ ...JOIN.shape, proof: PROOF, starting: z.boolean() });
const SESSION = z
  .strictObject({ credential: z.string(), expiresAtMs: z.int(), heartbeatMs: z.int() })
  .meta({ id: 'NodeSession' });

const HEARTBEAT = z.strictObject({
  cursor: z.string().max(200).nullable(),
  load: LOAD,
  draining: z.boolean(),
  streams: z
    .array(z.strictObject({ name: z.string().refine(isStreamName), epochOrdinal: z.int().min(-1) }))
    .max(STREAM_LIMIT)
    .optional(),
});

const FROM = z.object({ cursor: z.string().optional().describe('of the page before; without it, a snapshot') });

export function membershipRoutes(services: Services): Route[] {
  return [...joiningRoutes(services), ...followingRoutes(services)];
}

function joiningRoutes(services: Services): Route[] {
  const join = route(
    {
      id: 'joinFleet',
      method: 'POST',
      path: '/v1/nodes/join',
      tag: 'nodes (internal)',
      access: 'join',
      summary: 'Lets a node in by its join token; its key is what it shows from then on.',
      body: JOIN,
      answers: { 201: SESSION },
      problems: [
        'join_token_unknown',
        'join_token_expired',
        'join_token_used',
        'join_token_role',
        'node_clock',
        'node_exists',
        'node_proof',
        'node_removed',
        'too_many_requests',
      ],
    },
    async (context, { body }) => letIn(services, bearerOf(context), body),
  );

  const credential = route(
    {
      id: 'renewCredential',
      method: 'POST',
      path: '/v1/nodes/:id/credential',
      tag: 'nodes (internal)',
      access: 'open',
      audit: 'none',
      summary: 'An enrolled node proves its key and gets a credential.',
      body: CREDENTIAL,
      answers: { 200: SESSION },
      problems: ['node_clock', 'node_proof', 'node_removed', 'node_unknown'],
    },
    async (_context, { params, body }) => {
      if (body.node.id !== params.id) return problemResponse('bad_field', { detail: 'node.id: not the path\u2019s' });
      return introduce(services, body);
    },
  );

  return [join, credential];
}

function followingRoutes(services: Services): Route[] {
  const { fleet, feed, stopping } = services;

  const heartbeat = route(
    {
      id: 'heartbeat',
      method: 'POST',
      path: '/v1/nodes/:id/heartbeat',
      tag: 'nodes (internal)',
      access: 'node',
      audit: 'none',
      summary: 'A node lives, with its load and what it has taken in of the feed.',
      body: HEARTBEAT,
      answers: { 204: null },
      problems: ['forbidden'],
    },
    async (context, { params, body: { streams, ...beat } }) => {
      const { id, role } = context.get('member').record;
      if (id !== params.id) return problemResponse('forbidden', { detail: `the credential is of ${id}` });
      fleet.heartbeat(id, beat);
      if (role === 'origin' && streams !== undefined) await reconcile(services, id, streams);
      return context.body(null, 204);
    },
  );

  const follow = route(
    {
      id: 'followFeed',
      method: 'GET',
      path: '/v1/feed',
      tag: 'nodes (internal)',
      access: 'node',
      summary: 'What a node must know: at once when there is news after the cursor, else when there is.',
      query: FROM,
      answers: { 200: FEED_PAGE },
      problems: ['too_many_waiters'],
    },
    async (context, { query: { cursor = null } }) => {
      const { id, role } = context.get('member').record;
      if (cursor !== null) fleet.acknowledged(id, cursor);
      const signal = AbortSignal.any([context.req.raw.signal, stopping]);
      const page = await feed.next({ node: id, role, cursor, signal });
      if (page === 'too_many_waiters') return problemResponse('too_many_waiters');
      return context.body(feed.textOf(page), 200, { 'content-type': 'application/json' });
    },
  );

  return [heartbeat, follow];
}

/** Lets a node in with a standing token, which may take an id over, or with one that was made for it. */
async function letIn(services: Services, bearer: string, newcomer: JoinRequest): Promise<Response> {
  const { state, enrolled, fleet, config, clock, events, joinToken } = services;
  const { node, publicKey } = newcomer;
  const { id, role } = node;
  const nowMs = Math.floor(clock.nowMs());
  const isStanding = isSameToken(bearer, joinToken);
  const word = isStanding ? STANDING : await readJoinToken(state.store, bearer, { node: id, role, publicKey }, nowMs);
  if (!word.ok) return refuse(services, id, word.code);
  // Who has used it comes again, as after an answer that was lost: the token alone lets nobody in any more.
  const isAgain = !isStanding && word.use === null;
  const complaint = isAgain ? complaintOf(newcomer.proof ?? '', { node: id, publicKey, nowMs }) : null;
  if (complaint !== null) return refuse(services, id, complaint);
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
      return letIn(services, bearer, newcomer);
    case 'enrolled':
      events.nodeJoined(id, role, node.url);
      await fleet.announce(told);
      return Response.json(openSession(services, { id, publicKey }), { status: 201 });
  }
}

/** Null for the proof of who has the key. */
function complaintOf(
  proof: string,
  expect: { readonly node: string; readonly publicKey: string; readonly nowMs: number },
): ProblemCode | null {
  const verdict = verifyNodeProof(proof, expect);
  if (verdict === 'ok') return null;
  return verdict === 'clock' ? 'node_clock' : 'node_proof';
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
  const complaint = complaintOf(proof, { node: node.id, publicKey, nowMs });
  if (complaint !== null) return refuse(services, node.id, complaint);
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
