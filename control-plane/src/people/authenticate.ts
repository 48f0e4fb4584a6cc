/** From a bearer to who it is. What a token says is looked up each time, so that what was taken back holds no more. */

import type { ProblemCode } from '@headwater/protocol/problem';
import { isSameToken } from '../kept-token.ts';
import { looksLikeAccessToken, readAccessToken } from './access-token.ts';
import { findAccount } from './accounts.ts';
import { looksLikeApiKey, useApiKey } from './api-keys.ts';
import { holds } from './login.ts';
import type { People } from './people.ts';
import { type Principal, ROOT } from './principal.ts';
import { findSession } from './sessions.ts';

/** Who has this bearer, or why it is nobody's. */
export async function authenticate(
  people: People,
  bearer: string,
  adminToken: string,
): Promise<Principal | ProblemCode> {
  if (isSameToken(bearer, adminToken)) return ROOT;
  if (looksLikeAccessToken(bearer)) return personOf(people, bearer);
  return looksLikeApiKey(bearer) ? programOf(people, bearer) : 'unauthorized';
}

async function personOf({ store, clock, accessKey }: People, bearer: string): Promise<Principal | ProblemCode> {
  const nowMs = clock.nowMs();
  const claims = readAccessToken(bearer, accessKey, nowMs);
  if (claims === 'forged') return 'unauthorized';
  if (claims === 'expired') return 'access_token_expired';
  const session = await findSession(store, { name: claims.name, id: claims.session }, nowMs);
  const account = session === null ? null : await findAccount(store, claims.name);
  if (session === null || account === null || !holds(session, account)) return 'access_token_expired';
  const { name, role, streams, mustChangePassword } = account;
  return {
    kind: 'person',
    name,
    role,
    streams,
    mustChangePassword,
    session: session.id,
    factorAtMs: session.factorAtMs,
  };
}

async function programOf({ store, clock }: People, bearer: string): Promise<Principal | ProblemCode> {
  const key = await useApiKey(store, bearer, Math.floor(clock.nowMs()));
  if (key === 'unknown') return 'api_key_unknown';
  if (key === 'expired') return 'api_key_expired';
  const { id, label, role, streams, sensitive } = key;
  return { kind: 'key', id, name: label, role, streams, sensitive };
}
