/** Nodes show the same credential at each heartbeat: it is verified once, and known until it ends. */

import type { KeyObject } from 'node:crypto';
import { type NodeCredential, verifyNodeCredential } from '@headwater/protocol/node-credential';

/** Beyond these the oldest are verified anew. */
const KNOWN_LIMIT = 4_096;

export class ShownCredentials {
  readonly #secret: KeyObject;
  readonly #known = new Map<string, NodeCredential>();

  /** @param secret what this control plane signs credentials with */
  constructor(secret: KeyObject) {
    this.#secret = secret;
  }

  /** What a credential says, or null when it is not ours or has ended. */
  read(credential: string, nowMs: number): NodeCredential | null {
    const known = this.#known.get(credential);
    if (known !== undefined && known.expiresS * 1_000 > nowMs) return known;
    this.#known.delete(credential);
    const claims = verifyNodeCredential(credential, this.#secret, nowMs);
    if (claims === null) return null;
    this.#known.set(credential, claims);
    const oldest = this.#known.keys().next().value;
    if (this.#known.size > KNOWN_LIMIT && oldest !== undefined) this.#known.delete(oldest);
    return claims;
  }
}
