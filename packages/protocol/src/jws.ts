/** Compact JWS (RFC 7515) with the three algorithms that issuers may use, by synchronous node:crypto. */

import {
  type KeyObject,
  createHmac,
  createPublicKey,
  createSecretKey,
  sign,
  timingSafeEqual,
  verify,
} from 'node:crypto';
import type { Issuer } from './feed.ts';

/** An issuer as the one who signs knows it. */
export interface SigningKey {
  readonly iss: string;
  readonly alg: Issuer['alg'];
  /** HS256: the secret; otherwise the private key */
  readonly key: KeyObject;
}

/** A token in its parts; nothing is believed yet. */
export interface ParsedJws {
  readonly header: Readonly<Record<string, unknown>>;
  readonly payload: Readonly<Record<string, unknown>>;
  /** what the signature covers */
  readonly signed: string;
  readonly signature: Buffer;
}

/** Longer tokens are refused unread. */
export const JWS_LIMIT_CHARS = 4_096;

const COMPACT = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/;

/** Takes a token apart. Null when it is no compact JWS of two JSON objects and a signature. */
export function parseJws(token: string): ParsedJws | null {
  const parts = token.length <= JWS_LIMIT_CHARS ? COMPACT.exec(token) : null;
  if (parts === null) return null;
  const [, head = '', body = '', tail = ''] = parts;
  const header = parseObject(head);
  const payload = parseObject(body);
  const signature = Buffer.from(tail, 'base64url');
  // The last character may carry bits that decoding drops: one token, one spelling.
  if (header === null || payload === null || signature.toString('base64url') !== tail) return null;
  return { header, payload, signed: `${head}.${body}`, signature };
}

function parseObject(base64: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(base64, 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    // Not JSON: the caller's token is malformed, which is an answer, not a failure.
    return null;
  }
}

const verifyKeys = new WeakMap<Issuer, KeyObject>();

/**
 * The key that checks an issuer's tokens; kept as long as the issuer's object is.
 * @throws Error when the secret or JWK does not fit the algorithm
 */
export function issuerKey(issuer: Issuer): KeyObject {
  const known = verifyKeys.get(issuer);
  if (known !== undefined) return known;
  const key = readIssuerKey(issuer);
  verifyKeys.set(issuer, key);
  return key;
}

function readIssuerKey(issuer: Issuer): KeyObject {
  if (issuer.alg === 'HS256') {
    const secret = Buffer.from(issuer.secret ?? '', 'base64url');
    // RFC 7518 §3.2: at least as long as the hash.
    if (secret.length < 32) throw new RangeError('an HS256 secret has at least 32 bytes');
    return createSecretKey(secret);
  }
  const key = createPublicKey({ key: issuer.jwk ?? {}, format: 'jwk' });
  const fits =
    issuer.alg === 'ES256'
      ? key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1'
      : key.asymmetricKeyType === 'ed25519';
  if (!fits) throw new RangeError(`the key does not fit ${issuer.alg}`);
  return key;
}

/** Whether the signature is the issuer's. The algorithm is the issuer's too, never the token's. */
export function isSignedBy(jws: ParsedJws, issuer: Issuer): boolean {
  const key = issuerKey(issuer);
  const data = Buffer.from(jws.signed, 'latin1');
  switch (issuer.alg) {
    case 'HS256': {
      const expected = createHmac('sha256', key).update(data).digest();
      return expected.length === jws.signature.length && timingSafeEqual(expected, jws.signature);
    }
    case 'ES256':
      return verify('sha256', data, { key, dsaEncoding: 'ieee-p1363' }, jws.signature);
    case 'EdDSA':
      return verify(null, data, key, jws.signature);
  }
}

/** Signs claims as a compact JWS. */
export function signJws(payload: object, signer: SigningKey): string {
  const signed = `${encode({ alg: signer.alg, typ: 'JWT' })}.${encode(payload)}`;
  return `${signed}.${signature(Buffer.from(signed, 'latin1'), signer).toString('base64url')}`;
}

function signature(data: Buffer, { alg, key }: SigningKey): Buffer {
  switch (alg) {
    case 'HS256':
      return createHmac('sha256', key).update(data).digest();
    case 'ES256':
      return sign('sha256', data, { key, dsaEncoding: 'ieee-p1363' });
    case 'EdDSA':
      return sign(null, data, key);
  }
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
