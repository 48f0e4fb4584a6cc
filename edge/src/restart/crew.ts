/** Those who answer viewers: this process alone, or workers. Whoever speaks for the edge need not know which. */

import type { FeedPage } from '@headwater/protocol/feed';
import type { Readings } from '../join-fleet.ts';
import type { Purged } from '../purge.ts';
import type { Listener } from '../workers/listener.ts';
import type { NamedObject } from '../workers/team.ts';

/** A listening socket for somebody else to take connections from. Whoever lends it goes on taking them meanwhile. */
export interface LentSocket {
  /** null: the one who listened on it is dead, and its successor has to bind one */
  readonly listener: Listener | null;
  /** It has been handed on. */
  release(): void;
}

/** What one of them leaves to the one in its place. */
export interface Loan extends LentSocket {
  /** orders that what is on disk has not seen */
  readonly missed: readonly FeedPage[];
}

export interface Crew extends AsyncDisposable {
  readonly port: number;
  readonly readings: Readings;
  isServing(): boolean;
  metrics(): string | Promise<string>;
  carryOut(page: FeedPage): Promise<readonly Purged[]>;
  /** Forgets objects of pull zones that a request has changed. */
  forget(objects: readonly NamedObject[]): Promise<void>;
  /** All that was ordered up to now has been carried out. */
  heard(): void;
  /** Lets others have the disk, and the sockets besides. */
  lend(): Promise<readonly Loan[]>;
  /** Nobody made use of what was lent. */
  keepOn(): void;
  /** Takes no new connection, and answers on those that are open once more; comes back when all are closed. */
  retire(): Promise<void>;
}

/** An edge's orders, beyond one process. */
export type News =
  | { readonly kind: 'page'; readonly page: FeedPage }
  | { readonly kind: 'forget'; readonly objects: readonly NamedObject[] };

/** Has those who are beside this generation do the same; comes back when they have. */
export type TellOthers = (news: News) => Promise<readonly Purged[]>;
