/** Tokens that let one node in, once. Shown when made; only their hash is kept. */

import { randomBytes } from 'node:crypto';
import type { NodeRole } from '@headwater/protocol/node';
import { credentialHash } from './kept-token.ts';
import type { Change, Store } from './state/store.ts';

/** What is kept of a token, under the hash of its secret. */
export interface JoinToken {
  /** names it to people; no secret */
  readonly id: string;
  readonly role: NodeRole;
  /** where the node will be, whatever it says itself; null: its own word counts */
  readonly zone: string | null;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  readonly usedBy: { readonly node: string; readonly publicKey: string } | null;
}

export type JoinTokenOrder = Pick<JoinToken, 'role' | 'zone'> & { readonly ttlMs: number; readonly nowMs: number };

/** What a token does for the node that came with it. */
export type TokenUse =
  | {
      readonly ok: true;
      readonly token: JoinToken;
      /** uses the token up, together with what it was used for; null when this node had used it up before */
      readonly use: Change | null;
    }
  | {
      readonly ok: false;
      readonly code: 'join_token_unknown' | 'join_token_expired' | 'join_token_used' | 'join_token_role';
    };

interface Newcomer {
  readonly node: string;
  readonly role: NodeRole;
  readonly publicKey: string;
}

const PREFIX = 'hwj_';

/** Whether a bearer may be one of these tokens. */
export function looksLikeJoinToken(bearer: string): boolean {
  return bearer.startsWith(PREFIX);
}

/** Makes a token. Beyond the limit those go that have ended; `full` when none has. */
export async function createJoinToken(
  store: Store,
  order: JoinTokenOrder,
  limit: number,
): Promise<{ readonly secret: string; readonly token: JoinToken } | 'full'> {
  const { role, zone, ttlMs, nowMs } = order;
  const secret = `${PREFIX}${randomBytes(24).toString('base64url')}`;
  const id = randomBytes(6).toString('hex');
  const token: JoinToken = { id, role, zone, createdAtMs: nowMs, expiresAtMs: nowMs + ttlMs, usedBy: null };
  const change = { collection: 'join-token', id: credentialHash(secret), expect: 0, body: token } as const;
  const step = { changes: [change], room: { collection: 'join-token', most: limit } as const };
  if ((await store.commit(step)) === 'done') return { secret, token };
  await dropEnded(store, nowMs);
  return (await store.commit(step)) === 'done' ? { secret, token } : 'full';
}

export async function listJoinTokens(store: Store): Promise<readonly JoinToken[]> {
  return (await store.list('join-token')).map(({ body }) => body as JoinToken);
}

export async function findJoinToken(store: Store, id: string): Promise<JoinToken | null> {
  return (await listJoinTokens(store)).find((token) => token.id === id) ?? null;
}

/** False when there is none, or it is not as it should be. */
export async function deleteJoinToken(
  store: Store,
  id: string,
  fits: (token: JoinToken) => boolean = () => true,
): Promise<boolean> {
  const found = (await store.list('join-token')).find(({ body }) => (body as JoinToken).id === id);
  if (found === undefined || !fits(found.body as JoinToken)) return false;
  const change = { collection: 'join-token', id: found.id, expect: found.revision, body: undefined } as const;
  return (await store.commit({ changes: [change] })) === 'done';
}

/** Looks at a token that a node came with. The node that has used it may come again, as after an answer that was lost. */
export async function readJoinToken(
  store: Store,
  secret: string,
  { node, role, publicKey }: Newcomer,
  nowMs: number,
): Promise<TokenUse> {
  const kept = await store.get('join-token', credentialHash(secret));
  if (kept === null) return { ok: false, code: 'join_token_unknown' };
  const token = kept.body as JoinToken;
  if (token.role !== role) return { ok: false, code: 'join_token_role' };
  if (token.usedBy !== null) {
    const isSame = token.usedBy.node === node && token.usedBy.publicKey === publicKey;
    return isSame ? { ok: true, token, use: null } : { ok: false, code: 'join_token_used' };
  }
  if (token.expiresAtMs <= nowMs) return { ok: false, code: 'join_token_expired' };
  const used: JoinToken = { ...token, usedBy: { node, publicKey } };
  return { ok: true, token, use: { collection: 'join-token', id: kept.id, expect: kept.revision, body: used } };
}

async function dropEnded(store: Store, nowMs: number): Promise<void> {
  const ended = (await store.list('join-token')).filter(({ body }) => {
    const { expiresAtMs, usedBy } = body as JoinToken;
    return usedBy !== null || expiresAtMs <= nowMs;
  });
  const changes = ended.map(
    ({ id, revision }) => ({ collection: 'join-token', id, expect: revision, body: undefined }) as const,
  );
  if (changes.length > 0) await store.commit({ changes });
}
