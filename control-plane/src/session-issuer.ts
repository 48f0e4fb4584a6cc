/** The control plane as an issuer of session tokens. Nodes get the public half: none of them can mint a session. */

import { type JsonWebKey, createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { OWN_ISSUER } from '@headwater/protocol/explanation';
import type { Issuer } from '@headwater/protocol/feed';
import { type SigningKey } from '@headwater/protocol/jws';
import { mintSessionToken } from '@headwater/protocol/session-token';
import { type TokenScope, streamScope, zoneScope } from '@headwater/protocol/token-scope';
import type { ZoneEntry } from '@headwater/protocol/zone';
import type { State } from './state/state.ts';

/** Node clocks may stand a little behind this one, and RFC 9246 §2.1.5 allows the verifier no leeway. */
const NOT_BEFORE_SLACK_S = 5;

/** Takes up our signing key, or makes it, and publishes its public half. */
export async function openSessionIssuer(state: State): Promise<SigningKey> {
  const kept = await state.secret('session-signing-key', () =>
    JSON.stringify(generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' })),
  );
  const key = createPrivateKey({ key: JSON.parse(kept) as JsonWebKey, format: 'jwk' });
  const jwk = createPublicKey(key).export({ format: 'jwk' }) as NonNullable<Issuer['jwk']>;
  await state.createIssuer({ iss: OWN_ISSUER, alg: 'EdDSA', jwk }, Infinity);
  return { iss: OWN_ISSUER, alg: 'EdDSA', key };
}

export interface SessionOrder {
  readonly ttlSeconds: number;
  /** an address or IP prefix that the session is bound to */
  readonly ip: string | undefined;
  readonly nowMs: number;
}

/** What a session is for: its scope, and the URIs that it covers at any door (RFC 9246 §2.1.15). */
export interface SessionSubject {
  readonly scope: TokenScope;
  readonly container: string;
  /** whether a door that does not know scopes has to refuse it */
  readonly isScopeCritical: boolean;
}

/** A stream's name has no character that is special in a pattern. No other URI is like a stream's, but in a zone. */
export function streamSubject(stream: string): SessionSubject {
  const container = `regex:https?://[^/]+/(live/${stream}/[^?]*|watch/${stream})(\\?.*)?`;
  return { scope: streamScope(stream), container, isScopeCritical: false };
}

/** Zones may have hosts and paths in common: what tells them apart is the scope. */
export function zoneSubject({ name, pathPrefix }: ZoneEntry): SessionSubject {
  const prefix = pathPrefix.replaceAll(/[.[\]{}()*+?^$|\\]/g, '\\$&');
  return { scope: zoneScope(name), container: `regex:https?://[^/]+${prefix}.*`, isScopeCritical: true };
}

/** Mints a session token for one stream or zone, at any door. */
export function mintSession(
  { scope, container, isScopeCritical }: SessionSubject,
  { ttlSeconds, ip, nowMs }: SessionOrder,
  signer: SigningKey,
): { token: string; session: string; expiresS: number } {
  const session = randomBytes(16).toString('base64url');
  const issuedS = Math.floor(nowMs / 1000);
  const expiresS = issuedS + ttlSeconds;
  const critical = [...(ip === undefined ? [] : ['hwip']), ...(isScopeCritical ? ['hwscope'] : [])];
  const token = mintSessionToken(
    {
      exp: expiresS,
      nbf: issuedS - NOT_BEFORE_SLACK_S,
      iat: issuedS,
      cdniuc: container,
      hwsid: session,
      hwscope: scope,
      ...(ip === undefined ? {} : { hwip: ip }),
      ...(critical.length === 0 ? {} : { cdnicrit: critical.join(',') }),
    },
    signer,
  );
  return { token, session, expiresS };
}
