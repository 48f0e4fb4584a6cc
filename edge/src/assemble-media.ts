/** What brings our own streams in and keeps them: cache, fills, views and the client of their origins, tied together. */

import type { Clock } from '@headwater/service/clock';
import { type Cache, createCache } from './cache.ts';
import type { EdgeLimits } from './config.ts';
import type { EdgeEvents } from './events.ts';
import { Fills } from './fill.ts';
import { MediaDesk } from './media-desk.ts';
import { OriginClient } from './origin-client.ts';
import { RamShare } from './ram-share.ts';
import { SegmentsAhead } from './segments-ahead.ts';
import { Unsent } from './unsent.ts';
import type { LiveSources } from './upstream/live-sources.ts';
import { Views } from './views.ts';

export interface Media {
  readonly share: RamShare;
  readonly cache: Cache;
  readonly unsent: Unsent;
  readonly fills: Fills;
  readonly desk: MediaDesk;
  readonly ahead: SegmentsAhead;
  readonly views: Views;
  /** Ends what is under way. */
  close(): Promise<void>;
}

interface MediaOptions {
  readonly limits: EdgeLimits;
  readonly sources: LiveSources;
  readonly socketOf: (hostname: string) => string | null;
  readonly clock: Clock;
  readonly events: EdgeEvents;
}

export function assembleMedia({ limits, sources, socketOf, clock, events }: MediaOptions): Media {
  const client = new OriginClient({
    sources,
    socketOf,
    random: Math.random,
    onRetry: (path, cause) => events.originRetried(path, cause),
  });
  const { share, cache, unsent } = holdStreams(limits, events);
  const fills = new Fills({
    cache,
    events,
    objectLimitBytes: limits.objectBytes,
    deadlineMs: limits.fillDeadlineMs,
    limit: limits.fills,
    limitBytes: limits.fillBytes,
  });
  const desk = new MediaDesk({ cache, fills, client, clock, inputDeadlineMs: limits.deadlineMs });
  const ahead = new SegmentsAhead({ desk, limit: limits.prefetches, onEnded: events.prefetchEnded });
  const views = new Views({
    limit: limits.streams,
    client,
    clock,
    random: Math.random,
    fetchPart: (view, name) => desk.whole(view, { kind: 'part', ...name }),
    onTrouble: (stream, cause) => events.timelineFailed(stream, cause),
  });
  async function close(): Promise<void> {
    ahead.stop();
    views.stopAll();
    fills.abortAll();
    await client.close();
  }
  return { share, cache, unsent, fills, desk, ahead, views, close };
}

/** The RAM of our own streams: what is cached, and what slow viewers still have to take of what was. */
function holdStreams(limits: EdgeLimits, events: EdgeEvents) {
  const share = new RamShare(limits.ramBytes);
  const cache = createCache(limits.ramBytes, {
    onKept: (stored) => unsent.keep(stored),
    onDropped: (stored) => unsent.release(stored),
    onGrown: () => share.settle(),
  });
  const unsent = new Unsent({ limitBytes: limits.unsentBytes, onCut: () => events.slowReaderCut() });
  return { share, cache, unsent };
}
