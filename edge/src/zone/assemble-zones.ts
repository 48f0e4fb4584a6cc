/** Everything that serves pull zones, tied together. */

import type { FeedPage } from '@headwater/protocol/feed';
import type { FeedState } from '@headwater/protocol/feed-state';
import type { Clock } from '@headwater/service/clock';
import type { Log } from '@headwater/service/log';
import type { Metrics } from '@headwater/service/metrics';
import type { EdgeConfig } from '../config.ts';
import type { RamShare } from '../ram-share.ts';
import type { Unsent } from '../unsent.ts';
import { HTTP_CLIENT_LIMITS } from '../upstream/http-client.ts';
import type { Parents } from '../upstream/parents.ts';
import { UpstreamClient } from '../upstream/upstream-client.ts';
import type { UpstreamEvents } from '../upstream/upstream-events.ts';
import type { Waiters } from '../waiters.ts';
import type { NamedObject, OnForget, Team } from '../workers/team.ts';
import { TeamUpstream } from '../workers/team-upstream.ts';
import type { Fetching, Upstream } from './fetching.ts';
import { MemoryBudget } from './memory-budget.ts';
import { NamedNext } from './named-next.ts';
import { openTiers } from './open-tiers.ts';
import type { ZoneEdge } from './serve-zone.ts';
import { Shelf } from './shelf.ts';
import { ZoneDesk } from './zone-desk.ts';
import { type ZoneEvents, createZoneEvents } from './zone-events.ts';
import { ZoneTable } from './zone-table.ts';
import { Widening } from './widening.ts';

interface Surroundings {
  readonly clock: Clock;
  readonly feed: FeedState;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly waiters: Waiters;
  readonly parents: Parents;
  readonly upstreamEvents: UpstreamEvents;
  readonly scheme: 'http' | 'https';
  /** of the RAM, with our own streams */
  readonly share: RamShare;
  /** of memory that readers hold, with our own streams */
  readonly unsent: Unsent;
  /** the other workers, where there are any */
  readonly team: Team | undefined;
  /** has others forget as well what a request has changed; workers are told by their node */
  readonly onForget: OnForget | undefined;
}

export interface Zones {
  readonly table: ZoneTable;
  readonly edge: ZoneEdge;
  /** what the zones' objects hold of RAM */
  ramBytes(): number;
  /** Comes down to what they may hold now. */
  trimRam(): void;
  /** Carries out what a page of the feed orders: at once; when it resolves no restart brings back what was purged. */
  purgeAfter(page: FeedPage): Promise<void>;
  /** Carries out what a request that changed something means for objects here. */
  forget(objects: readonly NamedObject[]): Promise<void>;
  /** Lets another process have the disk: from now on RAM is all. */
  releaseDisk(): Promise<void>;
  close(): Promise<void>;
}

export async function assembleZones(config: EdgeConfig, around: Surroundings): Promise<Zones> {
  const { limits } = config;
  const { clock, feed, log, metrics, waiters, scheme, team, onForget } = around;
  const events = createZoneEvents(log, metrics);
  const budget = new MemoryBudget(limits.fillBytes, around.unsent);
  const zoneTiers = await openTiers({ config, share: around.share, ledger: around.unsent, clock, events });
  const { tiers, purges } = zoneTiers;
  const upstream = assembleUpstream(config, around, events);
  const shelf = new Shelf({
    store: tiers,
    isElsewhere: (key) => team !== undefined && team.ownership.elsewhere(key) !== null,
    purges,
    budget,
    pinLimitBytes: limits.objectBytes,
    aloneMs: limits.fillDeadlineMs,
  });
  const fetching: Fetching = {
    upstream,
    shelf,
    clock,
    random: Math.random,
    widening: new Widening(clock),
    objectLimitBytes: limits.objectBytes,
    onFetch: upstream.onFetch,
    onResumed: events.resumed,
    onThrown: (key, error) => events.threw(key, error),
  };
  const desk = new ZoneDesk(fetching, limits.fills);
  const namedNext = new NamedNext({
    desk,
    limit: limits.prefetches,
    withinMs: limits.deadlineMs,
    onEnded: events.prefetchEnded,
  });
  events.gauges({
    fetches: () => desk.running,
    bodies: () => shelf.openBodies,
    pinnedBytes: () => budget.heldBytes,
    tiers,
  });
  const forget = async (objects: readonly NamedObject[]): Promise<void> => {
    await Promise.all(objects.map((named) => shelf.invalidate(named)));
  };
  return {
    table: new ZoneTable(feed, config.zones),
    edge: {
      id: config.nodeId,
      scheme,
      desk,
      shelf,
      namedNext,
      upstream,
      clock,
      waiters,
      events,
      forget: forgetting({ team, onForget, forget }),
      deadlineMs: limits.deadlineMs,
    },
    ramBytes: () => tiers.ram.bytes,
    trimRam: () => tiers.trimRam(),
    purgeAfter: (page) => zoneTiers.purgeAfter(page),
    forget,
    releaseDisk: () => tiers.releaseDisk(),
    async close() {
      namedNext.stop();
      upstream.close();
      await tiers.close();
    },
  };
}

interface Forgetting extends Pick<Surroundings, 'team' | 'onForget'> {
  readonly forget: (objects: readonly NamedObject[]) => Promise<void>;
}

/** How all forget what a request has changed: here, or wherever the edge has it. */
function forgetting({ team, onForget, forget }: Forgetting): Forgetting['forget'] {
  if (team !== undefined) return (objects) => team.forget(objects);
  return onForget === undefined ? forget : (objects) => onForget(objects, () => forget(objects));
}

interface Upstreams extends Upstream {
  /** an object is asked for */
  readonly onFetch: () => void;
  close(): void;
}

/** Origins and parents, and before them the worker that owns an object. */
function assembleUpstream(
  config: EdgeConfig,
  { clock, parents, upstreamEvents, team }: Surroundings,
  events: ZoneEvents,
): Upstreams {
  const { nodeId } = config;
  const workers = team?.tally.workers ?? 1;
  const limits = HTTP_CLIENT_LIMITS;
  const origins = new UpstreamClient({ nodeId, workers, parents, limits, clock, events: upstreamEvents });
  const alone = { fetch: origins.fetch.bind(origins), onFetch: events.fetched, close: () => origins.close() };
  if (team === undefined) return alone;
  const { ownership } = team;
  const { fetched: onFetch, askedOfOwner: onAsk } = events;
  const colleagues = new TeamUpstream({ ownership, origins, random: Math.random, onFetch, onAsk });
  return {
    fetch: colleagues.fetch.bind(colleagues),
    // Counted where it leaves the node.
    onFetch: () => undefined,
    close() {
      colleagues.close();
      origins.close();
    },
  };
}
