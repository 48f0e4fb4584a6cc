/**
 * The session token: what a customer's backend, or the control plane, mints for one viewing session. A signed JWT after
 * RFC 9246, with three claims of our own: `hwsid`, the session's id, `hwip`, an IP prefix it is bound to (`cdniip` is kept for
 * JWE), and `hwscope`, the one stream or pull zone that it is for, whatever URIs its container covers. It is verified once, at
 * the door, which turns it into a path token.
 */

import { createHash } from 'node:crypto';
import type { Issuer } from './feed.ts';
import { isInPrefix, parseIpPrefix } from './ip-prefix.ts';
import { type ParsedJws, type SigningKey, isSignedBy, parseJws, signJws } from './jws.ts';
import { isSessionId } from './names.ts';
import type { ProblemCode } from './problem.ts';
import { stripSigningPackage } from './signing-package.ts';
import type { TokenScope } from './token-scope.ts';
import { isInContainer } from './uri-container.ts';

/** The claims that we mint; a customer's token may hold others of RFC 9246. */
export interface SessionClaims {
  readonly exp: number;
  readonly nbf?: number;
  readonly iat?: number;
  readonly cdniuc: string;
  /** makes it valid once per door; see {@link ReplayGuard} */
  readonly jti?: string;
  readonly aud?: string | readonly string[];
  readonly cdnicrit?: string;
  readonly hwsid?: string;
  readonly hwip?: string;
  readonly hwscope?: TokenScope;
}

/** The request that a session token must fit. */
export interface SessionExpectation {
  /** absolute, as the viewer asked for it; the token may still stand in it */
  readonly uri: string;
  /** what the URI is of */
  readonly scope: TokenScope;
  /** the viewer's address */
  readonly address: string;
  readonly nowMs: number;
  readonly issuers: ReadonlyMap<string, Issuer>;
  /** remembers `jti`; without one a token with `jti` is refused, as RFC 9246 §2.1.7 wants */
  readonly replay?: ReplayGuard;
  /** our name in `aud`; `headwater` unless configured */
  readonly audience?: string;
}

/** Remembers uses of tokens with a `jti`. */
export interface ReplayGuard {
  /** False for a use seen before, and when no more can be remembered. */
  firstUse(use: string, untilMs: number): boolean;
}

/** What the door takes from a good token. */
export interface Session {
  readonly id: string;
  readonly issuer: string;
  /** seconds since 1970 */
  readonly expiresS: number;
  /** `iat`, never after now; 0 where the token does not say: then any revocation of its stream covers it */
  readonly issuedS: number;
  /** `hwip` */
  readonly bind: string | null;
  /** `cdniuc`: the URIs that it covers */
  readonly container: string;
  /** `hwscope` */
  readonly scope: TokenScope | null;
}

export type SessionVerdict =
  | { readonly ok: true; readonly session: Session; readonly uriSigning: 200 }
  | { readonly ok: false; readonly code: ProblemCode; /** CDNI `s-uri-signing` */ readonly uriSigning: number };

/** RFC 9246 §6.4: what a refusal is called in a CDNI log. */
const URI_SIGNING_CODE = {
  session_malformed: 500,
  session_signature: 400,
  session_issuer: 401,
  session_subject: 402,
  session_audience: 403,
  session_expired: 404,
  session_not_yet_valid: 405,
  session_transport: 406,
  session_replayed: 407,
  session_version: 408,
  session_critical: 409,
  session_address: 410,
  session_container: 411,
} as const satisfies Partial<Record<ProblemCode, number>>;

type SessionCode = keyof typeof URI_SIGNING_CODE;

/** The end of the year 9999: beyond is no time in seconds (it may be one in milliseconds), and no path token can carry it. */
const LAST_SECOND = 253_402_300_799;
/** Claims of RFC 9246 and RFC 7519: never allowed in `cdnicrit`. */
const DEFINED = new Set('iss sub aud exp nbf iat jti cdniv cdnicrit cdniip cdniuc cdniets cdnistt cdnistd'.split(' '));
/** Extension claims that we process. */
const UNDERSTOOD = new Set(['hwsid', 'hwip', 'hwscope']);
const JWE = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]*){4}$/;

/** Writes a session token. */
export function mintSessionToken(claims: SessionClaims, signer: SigningKey): string {
  return signJws({ iss: signer.iss, cdniv: 1, ...claims }, signer);
}

/**
 * Checks a token by RFC 9246 §2: its form, its issuer's signature, and only then what it says. No leeway on times.
 * `exp` has to be there, since a path token ends with its session token.
 */
export function verifySessionToken(jwt: string, expect: SessionExpectation): SessionVerdict {
  const jws = parseJws(jwt);
  if (jws === null) return refuse('session_malformed');
  const issuer = expect.issuers.get(typeof jws.payload['iss'] === 'string' ? jws.payload['iss'] : '');
  if (issuer === undefined) return refuse('session_issuer');
  // RFC 7515 §4.1.11: an extension in the header that must be understood; we know none.
  if (jws.header['crit'] !== undefined) return refuse('session_critical');
  if (jws.header['alg'] !== issuer.alg || !isSignedBy(jws, issuer)) return refuse('session_signature');
  const complaint =
    judgeForm(jws.payload) ??
    judgeSupport(jws.payload, expect) ??
    judgeTime(jws.payload, expect.nowMs) ??
    judgeRequest(jws.payload, expect) ??
    judgeReplay(jws.payload, expect);
  return complaint === null
    ? { ok: true, session: sessionOf(jws, issuer, expect.nowMs), uriSigning: 200 }
    : refuse(complaint);
}

function refuse(code: SessionCode): SessionVerdict {
  return { ok: false, code, uriSigning: URI_SIGNING_CODE[code] };
}

type Claims = ParsedJws['payload'];

/** Types of the claims that are read further down. */
function judgeForm(claims: Claims): SessionCode | null {
  for (const name of ['exp', 'nbf', 'iat']) {
    const value = claims[name];
    if (value !== undefined && !(typeof value === 'number' && value >= 0 && value <= LAST_SECOND)) {
      return 'session_malformed';
    }
  }
  if (claims['hwsid'] !== undefined && !isSessionId(claims['hwsid'])) return 'session_malformed';
  if (claims['jti'] !== undefined && (typeof claims['jti'] !== 'string' || claims['jti'] === ''))
    return 'session_malformed';
  return null;
}

/** Versions, extensions and modes that we do not have. */
function judgeSupport(claims: Claims, expect: SessionExpectation): SessionCode | null {
  const { cdniv, cdnicrit, cdniip, cdniets, cdnistt, cdnistd, sub, aud } = claims;
  if (cdniv !== undefined && cdniv !== 1) return 'session_version';
  if (cdnicrit !== undefined && !understands(cdnicrit, claims)) return 'session_critical';
  // §2.1.2: a subject is personal, so it is encrypted; we hold no key and need none.
  if (sub !== undefined && !(typeof sub === 'string' && JWE.test(sub))) return 'session_subject';
  const audience = expect.audience ?? 'headwater';
  if (aud !== undefined && aud !== audience && !(Array.isArray(aud) && aud.includes(audience)))
    return 'session_audience';
  // §3.2.1: both or neither. Renewal itself (1 cookie, 2 query) is what the path token does here, so 0 is all we take.
  if ((cdnistt === undefined) !== (cdniets === undefined)) return 'session_transport';
  if (cdnistt !== undefined && (cdnistt !== 0 || typeof cdniets !== 'number')) return 'session_transport';
  if (cdnistd !== undefined && !(Number.isSafeInteger(cdnistd) && (cdnistd as number) >= 0)) return 'session_transport';
  // §2.1.10: a JWE, for which no key was agreed: refused, as an unsupported client IP must be.
  return cdniip === undefined ? null : 'session_address';
}

/** §2.1.9. */
function understands(cdnicrit: unknown, claims: Claims): boolean {
  if (typeof cdnicrit !== 'string') return false;
  const names = cdnicrit.split(',');
  return (
    new Set(names).size === names.length &&
    names.every((name) => UNDERSTOOD.has(name) && !DEFINED.has(name) && claims[name] !== undefined)
  );
}

/** §2.1.4 and §2.1.5: refused at `exp` itself, accepted at `nbf` itself. */
function judgeTime(claims: Claims, nowMs: number): SessionCode | null {
  const { exp, nbf } = claims as { readonly exp?: number; readonly nbf?: number };
  if (exp === undefined || exp * 1000 <= nowMs) return 'session_expired';
  return nbf !== undefined && nbf * 1000 > nowMs ? 'session_not_yet_valid' : null;
}

function judgeRequest(claims: Claims, expect: SessionExpectation): SessionCode | null {
  const { hwip, hwscope, cdniuc } = claims;
  if (hwip !== undefined) {
    const prefix = typeof hwip === 'string' ? parseIpPrefix(hwip) : null;
    if (prefix === null || !isInPrefix(expect.address, prefix)) return 'session_address';
  }
  if (hwscope !== undefined && hwscope !== expect.scope) return 'session_container';
  return typeof cdniuc === 'string' && isInContainer(cdniuc, expect.uri) ? null : 'session_container';
}

/** Last, so that a token refused for another reason is not used up. */
function judgeReplay(claims: Claims, expect: SessionExpectation): SessionCode | null {
  if (claims['jti'] === undefined) return null;
  // §2.1.7: used before for the same content; HLS and DASH of one stream are two. Whoever asks chooses the Host.
  const content = stripSigningPackage(expect.uri).replace(/^[^:/?#]+:\/\/[^/?#]*|\?.*$/gs, '');
  const key = `${claims['iss'] as string} ${claims['jti'] as string} ${content}`;
  return expect.replay?.firstUse(key, (claims['exp'] as number) * 1000) === true ? null : 'session_replayed';
}

function sessionOf(jws: ParsedJws, issuer: Issuer, nowMs: number): Session {
  const { exp, iat, hwsid, hwip, cdniuc, hwscope } = jws.payload as unknown as SessionClaims;
  return {
    // A backend that names no session gets one per token.
    id: hwsid ?? createHash('sha256').update(jws.signed, 'latin1').digest('base64url').slice(0, 22),
    issuer: issuer.iss,
    expiresS: Math.floor(exp),
    issuedS: Math.floor(Math.min(iat ?? 0, nowMs / 1000)),
    bind: hwip ?? null,
    container: cdniuc,
    scope: hwscope ?? null,
  };
}
