/** What serving needs: made once by the composition root, the same for every request. */

import type { FeedState } from '@headwater/protocol/feed-state';
import type { Clock } from '@headwater/service/clock';
import type { Gate } from './authorise.ts';
import type { Cache } from './cache.ts';
import type { DeliveryEvents } from './delivery-events.ts';
import type { EdgeEvents } from './events.ts';
import type { Fills } from './fill.ts';
import type { MediaDesk } from './media-desk.ts';
import type { Passes } from './passes.ts';
import type { Peers } from './peers.ts';
import type { PurgeLedger } from './purge-ledger.ts';
import type { CacheStatuses } from './reply.ts';
import type { RequestRate } from './request-rate.ts';
import type { SegmentsAhead } from './segments-ahead.ts';
import type { Unsent } from './unsent.ts';
import type { Views } from './views.ts';
import type { Waiters } from './waiters.ts';
import type { Zones } from './zone/assemble-zones.ts';

interface ServeLimits {
  readonly urlBytes: number;
  /** a media object's first byte, and a manifest's stream, must be there by then */
  readonly deadlineMs: number;
}

export interface Edge {
  readonly id: string;
  /** scheme that viewers use, for session tokens that name whole URIs */
  readonly scheme: string;
  /** our name in a session token's `aud` */
  readonly audience: string;
  readonly feed: FeedState;
  readonly gate: Gate;
  readonly views: Views;
  readonly peers: Peers;
  readonly desk: MediaDesk;
  readonly ahead: SegmentsAhead;
  readonly cache: Cache;
  readonly fills: Fills;
  readonly events: EdgeEvents;
  readonly deliveries: DeliveryEvents;
  readonly clock: Clock;
  readonly limits: ServeLimits;
  readonly statuses: CacheStatuses;
  readonly waiters: Waiters;
  readonly rate: RequestRate;
  /** by which edges of the fleet ask this one */
  readonly passes: Passes;
  /** what this edge was told to forget */
  readonly purges: PurgeLedger;
  readonly unsent: Unsent;
  readonly zones: Pick<Zones, 'table' | 'edge'>;
  /** false before the feed's first page and while draining */
  readonly isReady: () => boolean;
}
