/**
 * What a state is kept in: documents, each with a revision, and one ordered log. A step changes several documents and grows the
 * log, wholly or not at all, and only while every document is still what its writer saw. Embedded in SQLite, or in Redis and
 * then shared by replicas; both pass `store-contract.parts.test.ts`.
 */

import type { FeedMessage, FeedPage } from '@headwater/protocol/feed';

/** What documents are of. */
export type Collection =
  | 'stream'
  | 'zone'
  | 'issuer'
  | 'path-keys'
  | 'revocation'
  | 'secret'
  | 'node'
  | 'removed-node'
  | 'purge'
  | 'config'
  | 'config-version'
  | 'join-token'
  | 'idempotency'
  | 'account'
  | 'session'
  | 'api-key'
  | 'trouble'
  | 'audit'
  | 'audit-mark'
  | 'kv'
  | 'fence';

/** A document as it is kept. */
export interface Document {
  readonly id: string;
  /** never the same twice in a store, not even for a document that was deleted and made again */
  readonly revision: number;
  /** JSON */
  readonly body: unknown;
}

/** A document that is to be made, replaced or deleted. */
export interface Change {
  readonly collection: Collection;
  readonly id: string;
  /** the revision that was read; 0 for a document that must not be there */
  readonly expect: number;
  /** JSON; undefined deletes */
  readonly body: unknown;
}

/** What happens together. */
export interface Step {
  readonly changes: readonly Change[];
  readonly log?: readonly FeedMessage[];
  /** the collection must have fewer documents than this before the step */
  readonly room?: { readonly collection: Collection; readonly most: number };
}

/** `conflict`: a document is not what the step expected; nothing was changed. */
export type Outcome = 'done' | 'conflict' | 'full';

/** Which documents of a collection. */
export interface Page {
  /** only ids that sort after this one, by code unit */
  readonly after?: string;
  readonly limit?: number;
}

/** By name; null takes one back. */
export type Facts = Readonly<Record<string, string | null>>;

export interface Store extends AsyncDisposable {
  get(collection: Collection, id: string): Promise<Document | null>;
  /** Ascending by id. */
  list(collection: Collection, page?: Page): Promise<readonly Document[]>;
  count(collection: Collection): Promise<number>;
  commit(step: Step): Promise<Outcome>;

  /** The log's position. */
  head(): Promise<string>;
  /**
   * The log after a cursor, at most `limit` messages.
   * @returns null when the cursor is not one of this log, or the log no longer reaches back to it
   */
  changesSince(cursor: string, limit: number): Promise<FeedPage | null>;
  /**
   * Calls back after the log has grown, here or at another replica, until the returned function is called; again and again
   * while the store cannot be asked, and once it can, since it may have grown unread.
   */
  onGrowth(listener: () => void): () => void;

  /** Facts that replicas tell each other and that may be lost, such as what nodes say of their load; by topic and name. */
  share(topic: string, facts: Facts): Promise<void>;
  shared(topic: string): Promise<ReadonlyMap<string, string>>;
}

/** The store cannot be asked now. What is known stays known; what was to be changed is not. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable';
}
