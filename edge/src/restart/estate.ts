/** What a generation of an edge leaves to the next. */

import type { FeedPage } from '@headwater/protocol/feed';
import type { LentSocket, Loan, TellOthers } from './crew.ts';

export interface Estate {
  /** all that it knew at that moment; null before the feed's first page */
  readonly known: FeedPage | null;
  readonly port: number;
  /** what it sealed TLS sessions with */
  readonly ticketKeys: Uint8Array;
  /** what was counted before: counters never go back */
  readonly counts: string;
  readonly admin: LentSocket;
  /** the viewers' sockets, one of each worker: there will be as many again */
  readonly loans: readonly Loan[];
}

/** How a generation begins that others may be beside. */
export interface Succession {
  /** null: it is the first */
  readonly estate: Estate | null;
  readonly tellOthers: TellOthers;
}

/** Closes what has been handed on. */
export function release({ admin, loans }: Estate): void {
  for (const socket of [admin, ...loans]) socket.release();
}
