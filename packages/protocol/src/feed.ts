/** What the control plane tells the nodes: one ordered log, followed by long-poll. A snapshot is the same messages, folded. */

import type { NodeRecord } from './node.ts';
import type { ConfigEntry } from './settings.ts';
import type { ZoneEntry } from './zone.ts';

/** A stream as every node must know it. The publish key itself never travels, only its hash. */
export interface StreamEntry {
  readonly name: string;
  readonly policy: 'token' | 'public';
  /** SHA-256 of the publish key, base64url */
  readonly keyHash: string;
  /** node id of the origin that has the claim, or null while nobody publishes */
  readonly origin: string | null;
  /** rungs by height, or null for the default ladder */
  readonly ladder: Ladder | null;
}

/** A ladder has at most this many rungs: each is an encoder's work for as long as the stream is on air. */
export const MAX_RUNGS = 8;

export interface Ladder {
  readonly rungs: readonly Rung[];
  readonly audioBitsPerSecond: number;
}

export interface Rung {
  readonly height: number;
  readonly bitsPerSecond: number;
}

/** A secret of the path token. Two are valid at once; nodes mint with the one whose state is `current`. */
export interface PathKey {
  readonly kid: string;
  /** 32 bytes, base64url */
  readonly secret: string;
  readonly state: 'current' | 'previous';
}

/** Who may mint session tokens: the control plane itself, or a customer's backend. Exactly one of secret and jwk. */
export interface Issuer {
  readonly iss: string;
  readonly alg: 'HS256' | 'ES256' | 'EdDSA';
  /** HS256: base64url */
  readonly secret?: string;
  /** ES256, EdDSA: the public key */
  readonly jwk?: Readonly<Record<string, unknown>>;
}

export type FeedMessage =
  | { readonly type: 'stream'; readonly stream: StreamEntry }
  | { readonly type: 'stream-removed'; readonly name: string }
  | { readonly type: 'path-keys'; readonly keys: readonly PathKey[] }
  | { readonly type: 'issuer'; readonly issuer: Issuer }
  | { readonly type: 'issuer-removed'; readonly iss: string }
  | {
      readonly type: 'revocation';
      readonly session?: string;
      readonly stream?: string;
      readonly zone?: string;
      readonly atMs: number;
    }
  | { readonly type: 'node'; readonly node: NodeRecord }
  | { readonly type: 'node-removed'; readonly id: string }
  /** for the control plane's other replicas: what is kept of a node has changed */
  | { readonly type: 'node-changed'; readonly id: string }
  | { readonly type: 'purge'; readonly purge: Purge }
  | { readonly type: 'zone'; readonly zone: ZoneEntry }
  | { readonly type: 'zone-removed'; readonly name: string }
  | { readonly type: 'config'; readonly config: ConfigEntry }
  | { readonly type: 'config-removed'; readonly scope: string };

/** What edges must no longer answer with. Exactly one of url, prefix, tag and all. */
export interface Purge {
  readonly id: string;
  /** as a viewer asks for it: path and query without a token, or an absolute URL of a pull zone's host */
  readonly url?: string;
  readonly prefix?: string;
  readonly tag?: string;
  readonly all?: true;
  /** soft: what is stored may still be answered with while it is fetched anew */
  readonly soft: boolean;
  readonly atMs: number;
}

/** A place in the order of purges. `atMs` is when it was ordered. */
export type PurgePoint = Pick<Purge, 'id' | 'atMs'>;

/** The answer of `GET /v1/feed?cursor=C`. With `snapshot`, `messages` is everything and replaces what the node knew. */
export interface FeedPage {
  readonly cursor: string;
  readonly snapshot: boolean;
  readonly messages: readonly FeedMessage[];
  /** of a snapshot: the last purge before it; there is nothing left to purge by it */
  readonly lastPurge?: PurgePoint;
}
