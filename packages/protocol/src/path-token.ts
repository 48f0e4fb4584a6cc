/**
 * The path token: what an edge checks on every request, from keys that it holds, asking nobody.
 *
 *     1.KID.SESSION.live~STREAM.NOT-BEFORE.EXPIRES.BIND.MAC        or zone~ZONE
 *
 * Times are seconds since 1970 in base 36. BIND is `~`, or an IP prefix in base64url. MAC is HMAC-SHA-256 of everything
 * before its dot, cut to 128 bits (RFC 2104 §5), in base64url. The whole is one URL path segment, so that relative URLs in a
 * playlist inherit it, and it never enters a cache key.
 */

import { type KeyObject, createHmac, createSecretKey, timingSafeEqual } from 'node:crypto';
import type { PathKey } from './feed.ts';
import { isInPrefix, parseIpPrefix } from './ip-prefix.ts';
import { isSessionId } from './names.ts';
import type { ProblemCode } from './problem.ts';
import type { TokenScope } from './token-scope.ts';

/** What a path token says. */
export interface PathClaims {
  readonly session: string;
  readonly scope: TokenScope;
  /** the session token's `iat` where it has one, so that a revocation of a stream covers path tokens minted from older session tokens */
  readonly notBeforeS: number;
  /** never after the session token's `exp` */
  readonly expiresS: number;
  /** an IP prefix such as `203.0.113.0/24`, or null */
  readonly bind: string | null;
}

/** The request that a token must fit. */
export interface PathExpectation {
  readonly scope: TokenScope;
  /** the viewer's address */
  readonly address: string;
  readonly nowMs: number;
}

export type PathVerdict =
  { readonly ok: true; readonly claims: PathClaims } | { readonly ok: false; readonly code: ProblemCode };

/** Keys ready for use. Build one per change of keys with {@link makeKeyring}, not per request. */
export interface PathKeyring {
  /** mints; null while no key is known */
  readonly current: { readonly kid: string; readonly key: KeyObject } | null;
  /** verify */
  readonly byId: ReadonlyMap<string, KeyObject>;
}

/** No token is longer. */
export const PATH_TOKEN_LIMIT = 320;

const MAC_BYTES = 16;
const MAC_CHARS = 22;
const UNBOUND = '~';
const KID = /^[A-Za-z0-9_-]{1,16}$/;
const SCOPE = /^(?:live|zone)\/[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;
const TOKEN =
  /^1\.([A-Za-z0-9_-]{1,16})\.([A-Za-z0-9_-]{1,64})\.((?:live|zone)~[A-Za-z0-9][A-Za-z0-9_-]{0,63})\.([0-9a-z]{1,8})\.([0-9a-z]{1,8})\.(~|[A-Za-z0-9_-]{1,68})\.([A-Za-z0-9_-]{22})$/;

/**
 * Prepares keys: Node takes 22 µs to an HMAC with raw key bytes, 4 with a KeyObject.
 * @throws RangeError for a key id or secret that is not of the feed's form
 */
export function makeKeyring(keys: readonly PathKey[]): PathKeyring {
  const byId = new Map<string, KeyObject>();
  let current: PathKeyring['current'] = null;
  for (const { kid, secret, state } of keys) {
    const bytes = Buffer.from(secret, 'base64url');
    if (!KID.test(kid) || bytes.length !== 32) throw new RangeError('a path key has an id of 1…16 and 32 bytes');
    const key = createSecretKey(bytes);
    byId.set(kid, key);
    if (state === 'current') current = { kid, key };
  }
  return { current, byId };
}

/** Whether a URL's path segment has the form of a token, whatever it says. */
export function isPathTokenForm(segment: string): boolean {
  return segment.length <= PATH_TOKEN_LIMIT && TOKEN.test(segment);
}

/**
 * Writes a token with the current key.
 * @throws RangeError for claims that no token can carry, or when there is no key to mint with
 */
export function mintPathToken(claims: PathClaims, keys: PathKeyring): string {
  if (keys.current === null) throw new RangeError('no path key to mint with');
  if (!isSessionId(claims.session) || !SCOPE.test(claims.scope)) throw new RangeError('bad session or scope');
  if (claims.bind !== null && parseIpPrefix(claims.bind) === null) throw new RangeError('bad IP prefix');
  const signed = [
    '1',
    keys.current.kid,
    claims.session,
    claims.scope.replace('/', '~'),
    formatSeconds(claims.notBeforeS),
    formatSeconds(claims.expiresS),
    claims.bind === null ? UNBOUND : Buffer.from(claims.bind, 'latin1').toString('base64url'),
  ].join('.');
  return `${signed}.${mac(signed, keys.current.key)}`;
}

/**
 * Checks a token: its form, its key, its MAC in constant time, and only then what it says.
 * @returns the claims, or the `token_…` code of the first complaint
 */
export function verifyPathToken(token: string, expect: PathExpectation, keys: PathKeyring): PathVerdict {
  const fields = token.length <= PATH_TOKEN_LIMIT ? TOKEN.exec(token) : null;
  if (fields === null) return refuse('token_malformed');
  const [, kid, session, scope, notBefore, expires, bind, given] = fields as unknown as readonly string[] & Fields;
  const key = keys.byId.get(kid);
  if (key === undefined) return refuse('token_unknown_key');
  if (!sameText(mac(token.slice(0, -MAC_CHARS - 1), key), given)) return refuse('token_signature');
  const claims: PathClaims = {
    session,
    scope: scope.replace('~', '/') as TokenScope,
    notBeforeS: Number.parseInt(notBefore, 36),
    expiresS: Number.parseInt(expires, 36),
    bind: bind === UNBOUND ? null : Buffer.from(bind, 'base64url').toString('latin1'),
  };
  const complaint = judge(claims, expect);
  return complaint === null ? { ok: true, claims } : refuse(complaint);
}

type Fields = readonly [string, string, string, string, string, string, string, string];

/** Clocks of a fleet are this far apart at most: a viewer whom one clock let in is not yet to come by another. */
const CLOCK_LEEWAY_MS = 30_000;

/** Whether a token's time has come. Its door looked at the session's own beginning; here it is about clocks alone. */
export function hasBegun({ notBeforeS }: Pick<PathClaims, 'notBeforeS'>, nowMs: number): boolean {
  return nowMs >= notBeforeS * 1000 - CLOCK_LEEWAY_MS;
}

function judge(claims: PathClaims, expect: PathExpectation): ProblemCode | null {
  if (claims.scope !== expect.scope) return 'token_scope';
  if (!hasBegun(claims, expect.nowMs)) return 'token_not_yet_valid';
  if (expect.nowMs >= claims.expiresS * 1000) return 'token_expired';
  if (claims.bind === null) return null;
  const prefix = parseIpPrefix(claims.bind);
  return prefix !== null && isInPrefix(expect.address, prefix) ? null : 'token_address';
}

function refuse(code: ProblemCode): PathVerdict {
  return { ok: false, code };
}

function mac(signed: string, key: KeyObject): string {
  return createHmac('sha256', key).update(signed, 'latin1').digest().toString('base64url', 0, MAC_BYTES);
}

/**
 * Compares the text, not the bytes it stands for: the last character carries two bits that decoding drops, and an altered
 * token must not verify. Both sides are {@link MAC_CHARS} long.
 */
function sameText(a: string, b: string): boolean {
  return timingSafeEqual(Buffer.from(a, 'latin1'), Buffer.from(b, 'latin1'));
}

function formatSeconds(seconds: number): string {
  if (!Number.isSafeInteger(seconds) || seconds < 0 || seconds >= 36 ** 8) throw new RangeError('bad time in claims');
  return seconds.toString(36);
}
