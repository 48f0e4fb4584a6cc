/**
 * What a person's requests carry for ten minutes:
 *
 *     hwa_NAME.SESSION.EXPIRES.MAC     HMAC-SHA-256, cut to 128 bits, of what stands before the last dot
 *
 * EXPIRES is in seconds since 1970, base 36. It only says which session; whether that still holds is looked up.
 */

import { type KeyObject, createHmac, timingSafeEqual } from 'node:crypto';

export const ACCESS_SECONDS = 600;

const TOKEN = /^hwa_([a-z0-9][a-z0-9_-]{0,62})\.([A-Za-z0-9_-]{22})\.([0-9a-z]{1,8})\.([A-Za-z0-9_-]{22})$/;
const MAC_BYTES = 16;

interface AccessClaims {
  readonly name: string;
  readonly session: string;
  readonly expiresS: number;
}

export function looksLikeAccessToken(bearer: string): boolean {
  return bearer.startsWith('hwa_');
}

export function mintAccessToken({ name, session, expiresS }: AccessClaims, key: KeyObject): string {
  const text = `hwa_${name}.${session}.${expiresS.toString(36)}`;
  return `${text}.${macOf(text, key)}`;
}

/** The claims of a token that is ours, or why there are none. */
export function readAccessToken(token: string, key: KeyObject, nowMs: number): AccessClaims | 'forged' | 'expired' {
  const [, name, session, expires, mac] = TOKEN.exec(token) ?? [];
  if (name === undefined || session === undefined || expires === undefined || mac === undefined) return 'forged';
  const expected = macOf(token.slice(0, token.lastIndexOf('.')), key);
  if (!timingSafeEqual(Buffer.from(mac), Buffer.from(expected))) return 'forged';
  const expiresS = Number.parseInt(expires, 36);
  return expiresS * 1000 > nowMs ? { name, session, expiresS } : 'expired';
}

function macOf(text: string, key: KeyObject): string {
  return createHmac('sha256', key).update(text).digest().subarray(0, MAC_BYTES).toString('base64url');
}
