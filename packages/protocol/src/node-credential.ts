/**
 * How a node shows who it is. It makes an Ed25519 key pair (RFC 8032) once, and enrols the public half with a join token. From
 * then on a proof, signed with the private half, buys a credential: a short-lived token that any replica of the control plane
 * checks without a look-up.
 *
 *     proof       p1.NODE.ISSUED.SIGNATURE           Ed25519 of what stands before the last dot
 *     credential  c1.NODE.KEY.EXPIRES.MAC            HMAC-SHA-256, cut to 128 bits, of what stands before the last dot
 *
 * Times are seconds since 1970 in base 36. KEY is the thumbprint of the public key: a credential ends with the key it was
 * bought with.
 */

import { type KeyObject, createHash, createHmac, createPublicKey, sign, timingSafeEqual, verify } from 'node:crypto';
import { isNodeId } from './names.ts';

/** A node's clock may differ from the control plane's by so much. */
export const PROOF_SKEW_SECONDS = 300;
/** How long a credential is good for. */
export const CREDENTIAL_SECONDS = 900;

const PROOF = /^p1\.([a-z0-9][a-z0-9-]{0,62})\.([0-9a-z]{1,8})\.([A-Za-z0-9_-]{86})$/;
const CREDENTIAL = /^c1\.([a-z0-9][a-z0-9-]{0,62})\.([A-Za-z0-9_-]{22})\.([0-9a-z]{1,8})\.([A-Za-z0-9_-]{22})$/;
const PUBLIC_KEY = /^[A-Za-z0-9_-]{43}$/;
const MAC_BYTES = 16;

/** A public key as it travels: 32 bytes, base64url. */
export function isNodeKey(value: unknown): value is string {
  return typeof value === 'string' && PUBLIC_KEY.test(value);
}

/** The public half of a private key, as it travels. */
export function nodeKeyOf(privateKey: KeyObject): string {
  return createPublicKey(privateKey).export({ format: 'jwk' }).x ?? '';
}

/** What a credential names a public key by. */
export function nodeKeyThumbprint(publicKey: string): string {
  return createHash('sha256').update(publicKey).digest('base64url').slice(0, 22);
}

/** A proof that its bearer has the node's private key, as of a moment. */
export function signNodeProof(node: string, nowMs: number, privateKey: KeyObject): string {
  const text = `p1.${node}.${Math.floor(nowMs / 1000).toString(36)}`;
  return `${text}.${sign(null, Buffer.from(text), privateKey).toString('base64url')}`;
}

/** `malformed` also for a proof of another node. */
export type ProofVerdict = 'ok' | 'malformed' | 'signature' | 'clock';

/** Checks a proof against the key that the node enrolled with. */
export function verifyNodeProof(
  proof: string,
  expect: { readonly node: string; readonly publicKey: string; readonly nowMs: number },
): ProofVerdict {
  const [, node, issued = '', signature = ''] = PROOF.exec(proof) ?? [];
  if (node !== expect.node || !isNodeKey(expect.publicKey)) return 'malformed';
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: expect.publicKey }, format: 'jwk' });
  const text = proof.slice(0, proof.lastIndexOf('.'));
  const bytes = Buffer.from(signature, 'base64url');
  if (bytes.toString('base64url') !== signature) return 'malformed';
  if (!verify(null, Buffer.from(text), key, bytes)) return 'signature';
  const skewS = Math.abs(Number.parseInt(issued, 36) - expect.nowMs / 1000);
  return skewS <= PROOF_SKEW_SECONDS ? 'ok' : 'clock';
}

/** What a credential says. */
export interface NodeCredential {
  readonly node: string;
  readonly keyThumbprint: string;
  readonly expiresS: number;
}

/** @throws RangeError for a node id that cannot stand in a token */
export function mintNodeCredential(credential: NodeCredential, secret: KeyObject): string {
  const { node, keyThumbprint, expiresS } = credential;
  if (!isNodeId(node)) throw new RangeError(`${JSON.stringify(node)} is no node's id`);
  const text = `c1.${node}.${keyThumbprint}.${Math.floor(expiresS).toString(36)}`;
  return `${text}.${macOf(text, secret).toString('base64url')}`;
}

/** The claims of a credential that is ours and has not ended; null for anything else. */
export function verifyNodeCredential(token: string, secret: KeyObject, nowMs: number): NodeCredential | null {
  const [, node, keyThumbprint, expires, mac] = CREDENTIAL.exec(token) ?? [];
  if (node === undefined || keyThumbprint === undefined || expires === undefined || mac === undefined) return null;
  const expected = macOf(token.slice(0, token.lastIndexOf('.')), secret);
  // As text: the last letter has bits that no byte keeps.
  if (!timingSafeEqual(Buffer.from(mac), Buffer.from(expected.toString('base64url')))) return null;
  const expiresS = Number.parseInt(expires, 36);
  return expiresS * 1000 > nowMs ? { node, keyThumbprint, expiresS } : null;
}

function macOf(text: string, secret: KeyObject): Buffer {
  return createHmac('sha256', secret).update(text).digest().subarray(0, MAC_BYTES);
}
