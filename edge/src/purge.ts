/** Purges as the feed orders them: what is stored and what is on its way in must not be answered with any more. */

import type { FeedPage, Purge } from '@headwater/protocol/feed';
import { purgedKey, purgedPrefix } from '@headwater/protocol/purge-scope';
import type { Cache } from './cache.ts';
import type { Fills } from './fill.ts';

interface PurgeParts {
  readonly cache: Cache;
  readonly fills: Fills;
}

/** A purge that was carried out. */
export interface Purged {
  readonly id: string;
  /** how many stored objects went */
  readonly objects: number;
}

/** What every object of a stream is tagged with. */
const STREAM_TAG = 'stream:';

/**
 * Carries out the orders of a page. Who gets a snapshot was away for longer than the log reaches back: it may have missed any
 * order, so all goes.
 */
export function purgeAfter(page: FeedPage, parts: PurgeParts): readonly Purged[] {
  if (page.snapshot) purgeMatching(() => true, parts);
  return page.messages.flatMap((message) => {
    if (message.type !== 'purge') return [];
    const { purge } = message;
    return { id: purge.id, objects: purgeMatching(matcherOf(purge), parts) };
  });
}

/** How many stored objects went. A fill under way still serves its readers, whose requests came before; it is not stored. */
function purgeMatching(matches: (key: string) => boolean, { cache, fills }: PurgeParts): number {
  const keys = [...cache.keys()].filter(matches);
  for (const key of keys) cache.delete(key);
  fills.disown(matches);
  return keys.length;
}

/** Cache keys are the path below `/live/`. */
function matcherOf({ url, prefix, tag }: Purge): (key: string) => boolean {
  if (url !== undefined) {
    const wanted = purgedKey(url);
    return (key) => key === wanted;
  }
  if (prefix !== undefined) {
    const start = purgedPrefix(prefix);
    return (key) => start !== null && key.startsWith(start);
  }
  if (tag === undefined) return () => true;
  const stream = tag.startsWith(STREAM_TAG) ? `${tag.slice(STREAM_TAG.length)}/` : null;
  return (key) => stream !== null && key.startsWith(stream);
}
