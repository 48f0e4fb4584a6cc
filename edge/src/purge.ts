/** Purges as the feed orders them: what is stored and what is on its way in must not be answered with any more. */

import type { FeedPage, Purge } from '@headwater/protocol/feed';
import { keysOf, readPurge } from '@headwater/protocol/purge-scope';
import type { Cache } from './cache.ts';
import type { Fills } from './fill.ts';
import type { ZoneTable } from './zone/zone-table.ts';

interface PurgeParts {
  readonly cache: Cache;
  readonly fills: Fills;
  readonly zones: { readonly table: Pick<ZoneTable, 'names'> };
}

/** A purge that was carried out. */
export interface Purged {
  readonly id: string;
  /** how many stored objects went */
  readonly objects: number;
}

/**
 * Carries out the orders of a page. Who gets a snapshot was away for longer than the log reaches back: it may have missed any
 * order, so all goes.
 */
export function purgeAfter(page: FeedPage, parts: PurgeParts): readonly Purged[] {
  if (page.snapshot) purgeMatching(() => true, parts);
  return page.messages.flatMap((message) => {
    if (message.type !== 'purge') return [];
    const { purge } = message;
    return { id: purge.id, objects: purgeMatching(matcherOf(purge, parts.zones.table), parts) };
  });
}

/** How many stored objects went. A fill under way still serves its readers, whose requests came before; it is not stored. */
function purgeMatching(
  matches: (key: string) => boolean,
  { cache, fills }: Pick<PurgeParts, 'cache' | 'fills'>,
): number {
  const keys = [...cache.keys()].filter(matches);
  for (const key of keys) cache.delete(key);
  fills.disown(matches);
  return keys.length;
}

/** Cache keys are the path below `/live/`. */
function matcherOf(purge: Purge, zones: Pick<ZoneTable, 'names'>): (key: string) => boolean {
  const scope = readPurge(purge);
  const keys = typeof scope === 'string' ? null : keysOf(scope, (host) => zones.names(host));
  if (keys === null) return () => false;
  return 'key' in keys ? (key) => key === keys.key : (key) => key.startsWith(keys.start);
}
