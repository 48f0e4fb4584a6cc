/** The control plane as an issuer of session tokens. Nodes get the public half: none of them can mint a session. */

import { type JsonWebKey, createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { OWN_ISSUER } from '@headwater/protocol/explanation';
import type { Issuer } from '@headwater/protocol/feed';
import { type SigningKey } from '@headwater/protocol/jws';
import { mintSessionToken } from '@headwater/protocol/session-token';
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
  readonly stream: string;
  readonly ttlSeconds: number;
  /** an address or IP prefix that the session is bound to */
  readonly ip: string | undefined;
  readonly nowMs: number;
}

/** Mints a session token for one stream, at any door. */
export function mintSession(
  order: SessionOrder,
  signer: SigningKey,
): { token: string; session: string; expiresS: number } {
  const session = randomBytes(16).toString('base64url');
  const issuedS = Math.floor(order.nowMs / 1000);
  const expiresS = issuedS + order.ttlSeconds;
  const bound = order.ip === undefined ? {} : { hwip: order.ip, cdnicrit: 'hwip' };
  const token = mintSessionToken(
    {
      exp: expiresS,
      nbf: issuedS - NOT_BEFORE_SLACK_S,
      iat: issuedS,
      // A stream's name has no character that is special in a pattern.
      cdniuc: `regex:https?://[^/]+/(live/${order.stream}/[^?]*|watch/${order.stream})(\\?.*)?`,
      hwsid: session,
      ...bound,
    },
    signer,
  );
  return { token, session, expiresS };
}
