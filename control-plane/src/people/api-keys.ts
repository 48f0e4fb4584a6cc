/** Keys of programs: `hwk_ID_SECRET`, shown when made; only their hash is kept. */

import { randomBytes } from 'node:crypto';
import { credentialHash, isSameToken } from '../kept-token.ts';
import { changeDocument, readDocument } from '../state/change-document.ts';
import type { Page, Store } from '../state/store.ts';
import type { StreamScope } from './principal.ts';
import type { Role } from './roles.ts';

export interface ApiKey {
  readonly id: string;
  /** what people call it */
  readonly label: string;
  readonly hash: string;
  readonly role: Role;
  readonly streams: StreamScope;
  /** it may do what people show a second factor for */
  readonly sensitive: boolean;
  readonly createdBy: string;
  readonly createdAtMs: number;
  /** null: it does not end by itself */
  readonly expiresAtMs: number | null;
  /** to a minute or so; null: never */
  readonly usedAtMs: number | null;
}

export type ApiKeyOrder = Omit<ApiKey, 'id' | 'hash' | 'usedAtMs'>;

const KEY = /^hwk_([0-9a-f]{12})_[A-Za-z0-9_-]{32}$/;
/** A use is noted when the last note is so old. */
const NOTE_MS = 60_000;

export function looksLikeApiKey(bearer: string): boolean {
  return bearer.startsWith('hwk_');
}

export async function createApiKey(
  store: Store,
  order: ApiKeyOrder,
  limit: number,
): Promise<{ readonly secret: string; readonly key: ApiKey } | 'full'> {
  const id = randomBytes(6).toString('hex');
  const secret = `hwk_${id}_${randomBytes(24).toString('base64url')}`;
  const key: ApiKey = { ...order, id, hash: credentialHash(secret), usedAtMs: null };
  const changes = [{ collection: 'api-key', id, expect: 0, body: key } as const];
  const outcome = await store.commit({ changes, room: { collection: 'api-key', most: limit } });
  return outcome === 'done' ? { secret, key } : 'full';
}

export async function listApiKeys(store: Store, page: Page): Promise<readonly ApiKey[]> {
  return (await store.list('api-key', page)).map(({ body }) => body as ApiKey);
}

export async function deleteApiKey(store: Store, id: string): Promise<boolean> {
  return (await changeDocument<ApiKey>(store, { collection: 'api-key', id }, () => ({ body: undefined }))) !== null;
}

/** The key of a bearer, or why there is none. */
export async function useApiKey(store: Store, bearer: string, nowMs: number): Promise<ApiKey | 'unknown' | 'expired'> {
  const [, id] = KEY.exec(bearer) ?? [];
  const key = id === undefined ? null : await readDocument<ApiKey>(store, 'api-key', id);
  if (key === null || !isSameToken(credentialHash(bearer), key.hash)) return 'unknown';
  if (key.expiresAtMs !== null && key.expiresAtMs <= nowMs) return 'expired';
  if (isStale(key, nowMs)) {
    await changeDocument<ApiKey>(store, { collection: 'api-key', id: key.id }, (there) =>
      isStale(there, nowMs) ? { body: { ...there, usedAtMs: nowMs } } : null,
    );
  }
  return key;
}

function isStale({ usedAtMs }: ApiKey, nowMs: number): boolean {
  return usedAtMs === null || nowMs - usedAtMs >= NOTE_MS;
}
