/** An estate as it goes from one process to another. */

import type { FeedPage } from '@headwater/protocol/feed';
import type { Listener } from '../workers/listener.ts';
import type { LentSocket } from './crew.ts';
import type { Estate } from './estate.ts';
import type { Parcel } from './line.ts';

/** The sockets come beside it in this order; who is dead has none. */
interface Packed extends Pick<Estate, 'known' | 'port' | 'ticketKeys' | 'counts'> {
  readonly hasAdmin: boolean;
  readonly loans: readonly { readonly hasListener: boolean; readonly missed: readonly FeedPage[] }[];
}

export function pack({ known, port, ticketKeys, counts, admin, loans }: Estate): Parcel {
  const content: Packed = {
    known,
    port,
    ticketKeys,
    counts,
    hasAdmin: admin.listener !== null,
    loans: loans.map(({ listener, missed }) => ({ hasListener: listener !== null, missed })),
  };
  const sockets = [admin, ...loans].flatMap(({ listener }) => listener ?? []);
  return { content, sockets };
}

export function unpack({ content, sockets }: Required<Parcel>): Estate {
  const { hasAdmin, loans, ...same } = content as Packed;
  const left = [...sockets];
  const next = (isThere: boolean): LentSocket => {
    const listener: Listener | null = (isThere ? left.shift() : undefined) ?? null;
    return { listener, release: () => listener?.close() };
  };
  return {
    ...same,
    admin: next(hasAdmin),
    loans: loans.map(({ hasListener, missed }) => ({ ...next(hasListener), missed })),
  };
}
