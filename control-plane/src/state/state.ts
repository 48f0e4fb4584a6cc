/**
 * What the control plane must not forget, and the ordered log of it that nodes follow. Each change and its log entry are one
 * step. Embedded in SQLite, or shared by replicas; both pass `state-contract.test.ts`.
 */

import type { FeedMessage, FeedPage, Issuer, Ladder, PathKey, StreamEntry } from '@headwater/protocol/feed';

/** A stream as its owner made it, and who publishes it. */
export interface StreamRecord {
  readonly name: string;
  readonly policy: StreamEntry['policy'];
  readonly ladder: Ladder | null;
  /** the publish key; only its hash goes to the nodes */
  readonly key: string;
  /** node id of the origin that has the claim */
  readonly origin: string | null;
  readonly claimedAtMs: number;
  /** of the newest epoch that an origin told of; -1 before the first */
  readonly lastEpochOrdinal: number;
}

/** A path key, and when it is to become the current one, where that is still to come. */
export type StoredPathKey = PathKey & { readonly promoteAtMs?: number };

/** What became of making something: its name may be taken, or there may be no room. */
export type Creation = 'created' | 'exists' | 'full';

export interface Revocation {
  readonly session?: string;
  readonly stream?: string;
  readonly atMs: number;
}

export interface State extends AsyncDisposable {
  streams(): Promise<readonly StreamRecord[]>;
  stream(name: string): Promise<StreamRecord | null>;
  createStream(stream: StreamRecord, limit: number): Promise<Creation>;
  deleteStream(name: string): Promise<boolean>;
  /** Hands the claim on, if it is still where `from` says. False when it is not, or there is no such stream. */
  moveClaim(name: string, move: ClaimMove): Promise<boolean>;
  /** Keeps the highest ordinal; tells nobody. */
  noteEpoch(name: string, ordinal: number): Promise<void>;

  issuers(): Promise<readonly Issuer[]>;
  createIssuer(issuer: Issuer, limit: number): Promise<Creation>;
  deleteIssuer(iss: string): Promise<boolean>;

  pathKeys(): Promise<readonly StoredPathKey[]>;
  /** Replaces all keys, if the ids of those there are still `expected`, in order. */
  replacePathKeys(expected: readonly string[], keys: readonly StoredPathKey[]): Promise<boolean>;

  /** Beyond the limit those go that are older than any token can be; when none is, it is `full`. */
  revoke(revocation: Revocation, limits: RevocationLimits): Promise<'created' | 'full'>;

  /** A secret under a name, made on first use; whoever is first decides. */
  secret(name: string, make: () => string): Promise<string>;

  /** News of nodes: for the log alone. */
  append(messages: readonly FeedMessage[]): Promise<void>;
  /** Everything but nodes, and the log's position. */
  snapshot(): Promise<FeedPage>;
  /**
   * The log after a cursor, at most `limit` messages.
   * @returns null when the cursor is not one of this log, or the log no longer reaches back to it
   */
  changesSince(cursor: string, limit: number): Promise<FeedPage | null>;
  /** Calls back after the log has grown, until the returned function is called. */
  onGrowth(listener: () => void): () => void;
}

export interface ClaimMove {
  readonly from: string | null;
  readonly to: string | null;
  readonly atMs: number;
}

export interface RevocationLimits {
  readonly count: number;
  readonly keepMs: number;
}
