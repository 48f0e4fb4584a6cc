/**
 * A session of a person: what a log-in opens, and what its refresh tokens keep open.
 *
 *     hwr_NAME.FAMILY.SECRET
 *
 * FAMILY is the same in all refresh tokens of a session, and its hash is the session's id; SECRET opens once and is replaced.
 * A token with the right FAMILY and another SECRET was good once: two have it, so the session ends.
 */

import { randomBytes } from 'node:crypto';
import { credentialHash } from '../kept-token.ts';
import { changeDocument, readDocument } from '../state/change-document.ts';
import type { Change, Store } from '../state/store.ts';

export interface Session {
  readonly id: string;
  readonly name: string;
  /** of the account when it was opened */
  readonly epoch: string;
  /** hash of the one refresh token that is good */
  readonly refreshHash: string;
  readonly openedAtMs: number;
  readonly usedAtMs: number;
  /** when the second factor was shown last; null: never */
  readonly factorAtMs: number | null;
  readonly address: string;
}

export type Refreshed =
  | { readonly ok: true; readonly session: Session; readonly refreshToken: string }
  | { readonly ok: false; readonly why: 'unknown' | 'ended' }
  | { readonly ok: false; readonly why: 'reused'; readonly session: Session };

/** A session ends when it was not refreshed for so long, */
const IDLE_MS = 24 * 60 * 60_000;
/** and after this in any case. */
const LIFE_MS = 7 * 24 * 60 * 60_000;
const SESSIONS_PER_ACCOUNT = 20;

const TOKEN = /^hwr_([a-z0-9][a-z0-9_-]{0,62})\.([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{32})$/;

/** A new session, its first refresh token, and the change that keeps it. */
export function makeSession(made: Omit<Session, 'id' | 'refreshHash' | 'usedAtMs'>): {
  readonly session: Session;
  readonly refreshToken: string;
  readonly change: Change;
} {
  const refreshToken = tokenOf(made.name, randomBytes(16).toString('base64url'));
  const [, , family = ''] = TOKEN.exec(refreshToken) ?? [];
  const used = { usedAtMs: made.openedAtMs, refreshHash: credentialHash(refreshToken) };
  const session: Session = { ...made, ...used, id: sessionIdOf(family) };
  const change: Change = { ...placeOf(session), expect: 0, body: session };
  return { session, refreshToken, change };
}

/** Takes a refresh token for the next one. */
export async function refreshSession(store: Store, token: string, nowMs: number): Promise<Refreshed> {
  const [, name, family] = TOKEN.exec(token) ?? [];
  if (name === undefined || family === undefined) return { ok: false, why: 'unknown' };
  const refreshToken = tokenOf(name, family);
  const hash = credentialHash(token);
  let found: Session | null = null;
  const good = await changeDocument<Session>(store, placeOf({ name, id: sessionIdOf(family) }), (session) => {
    found = session;
    if (session.refreshHash !== hash || !isOpen(session, nowMs)) return { body: undefined };
    found = { ...session, refreshHash: credentialHash(refreshToken), usedAtMs: nowMs };
    return { body: found };
  });
  const session = found as Session | null;
  if (good === null || session === null) return { ok: false, why: 'unknown' };
  if (!isOpen(good, nowMs)) return { ok: false, why: 'ended' };
  return good.refreshHash === hash ? { ok: true, session, refreshToken } : { ok: false, why: 'reused', session };
}

/** An open session; null when it has ended. */
export async function findSession(
  store: Store,
  { name, id }: Pick<Session, 'name' | 'id'>,
  nowMs: number,
): Promise<Session | null> {
  const session = await readDocument<Session>(store, 'session', placeOf({ name, id }).id);
  return session !== null && isOpen(session, nowMs) ? session : null;
}

export async function listSessions(store: Store, name: string, nowMs: number): Promise<readonly Session[]> {
  return (await all(store, name)).filter((session) => isOpen(session, nowMs));
}

export async function endSession(store: Store, session: Pick<Session, 'name' | 'id'>): Promise<boolean> {
  return (await changeDocument<Session>(store, placeOf(session), () => ({ body: undefined }))) !== null;
}

/** Notes that the second factor was shown, together with what that took. */
export async function factorShown(
  store: Store,
  session: Pick<Session, 'name' | 'id'>,
  nowMs: number,
): Promise<Session | null> {
  return changeDocument<Session>(store, placeOf(session), (open) => ({ body: { ...open, factorAtMs: nowMs } }));
}

/** Ends what an account has too much: sessions that have ended, and, beyond the limit, those unused the longest. */
export async function trimSessions(
  store: Store,
  { name, epoch }: Pick<Session, 'name' | 'epoch'>,
  nowMs: number,
): Promise<void> {
  const held = await all(store, name);
  const open = held.filter((session) => isOpen(session, nowMs) && session.epoch === epoch);
  const kept = open.toSorted((a, b) => b.usedAtMs - a.usedAtMs).slice(0, SESSIONS_PER_ACCOUNT);
  for (const session of held) if (!kept.includes(session)) await endSession(store, session);
}

/** Ends all of an account. */
export async function endSessions(store: Store, name: string): Promise<void> {
  for (const session of await all(store, name)) await endSession(store, session);
}

function isOpen({ openedAtMs, usedAtMs }: Session, nowMs: number): boolean {
  return nowMs - usedAtMs < IDLE_MS && nowMs - openedAtMs < LIFE_MS;
}

/** All that are kept of an account: their ids stand together. */
async function all(store: Store, name: string): Promise<readonly Session[]> {
  const documents = await store.list('session', { after: `${name}/`, limit: 2 * SESSIONS_PER_ACCOUNT });
  return documents.map(({ body }) => body as Session).filter((session) => session.name === name);
}

function placeOf({ name, id }: Pick<Session, 'name' | 'id'>): { readonly collection: 'session'; readonly id: string } {
  return { collection: 'session', id: `${name}/${id}` };
}

function sessionIdOf(family: string): string {
  return credentialHash(family).slice(0, 22);
}

function tokenOf(name: string, family: string): string {
  return `hwr_${name}.${family}.${randomBytes(24).toString('base64url')}`;
}
