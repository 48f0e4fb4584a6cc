/** The tiers of the pull zones, and the purges that hold for what is in them. */

import type { FeedPage } from '@headwater/protocol/feed';
import { zoneTag } from '@headwater/protocol/purge-scope';
import type { Clock } from '@headwater/service/clock';
import type { EdgeConfig } from '../config.ts';
import type { RamShare } from '../ram-share.ts';
import { Tiers, type TiersOptions } from '../tiers/tiers.ts';
import type { Ledger } from '../unsent.ts';
import type { Entry, Variant } from './entry.ts';
import { type PurgeOrder, PurgeRules } from './purge-rules.ts';
import type { ZoneEvents } from './zone-events.ts';

interface Surroundings {
  readonly config: Pick<EdgeConfig, 'limits' | 'cacheDirectory'>;
  /** of the RAM, with our own streams */
  readonly share: RamShare;
  /** told of what RAM has */
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly events: Pick<ZoneEvents, 'diskLost' | 'purgeNotNoted'>;
}

export interface ZoneTiers {
  readonly tiers: Tiers<Entry, PurgeOrder>;
  readonly purges: PurgeRules;
  /** Carries out what a page of the feed orders: at once; when it resolves no restart brings back what was purged. */
  purgeAfter(page: FeedPage): Promise<void>;
}

const EVERYTHING: PurgeOrder = { all: true, soft: false };

/** Takes up what is on disk. Without a disk that can be used it is RAM alone. */
export async function openTiers({ config, share, ledger, clock, events }: Surroundings): Promise<ZoneTiers> {
  const { ramBytes, diskBytes } = config.limits;
  let purges = new PurgeRules();
  const inMemory: TiersOptions<Entry> = {
    ramBytes,
    ramLimitBytes: () => share.objectsLimitBytes(),
    onRamGrown: () => share.settle(),
    ledger,
    seed: Math.floor(Math.random() * 2 ** 32),
    disk: null,
    judge: {
      judge: (entry) => judge(entry, purges),
      isJudgedTo: ({ variants }, sequence) => {
        for (const { purge } of variants) purge.checkedSeq = Math.max(purge.checkedSeq, sequence);
      },
    },
  };
  const disk = { directory: config.cacheDirectory, limitBytes: diskBytes, clock, random: Math.random };
  const tiers = await Tiers.open<Entry, PurgeOrder>({ ...inMemory, disk }).catch((error: unknown) => {
    events.diskLost(error);
    return Tiers.open<Entry, PurgeOrder>(inMemory);
  });
  purges = new PurgeRules(tiers);

  let isFirst = true;
  let kept: FeedPage | null = null;

  async function carryOut(order: PurgeOrder): Promise<void> {
    const { sequence, noted } = tiers.purged(order);
    purges.order(order, sequence);
    await noted.catch(events.purgeNotNoted);
    if (order.all === true && !order.soft) void tiers.clear();
  }
  return {
    tiers,
    purges,
    async purgeAfter(page) {
      // What the node kept is a snapshot, too, and comes first: from there on the feed goes on, and the disk has seen all before
      // it. Any later one is an order.
      if (isFirst && page.snapshot && tiers.isInStepWith(page.cursor)) kept = page;
      isFirst = false;
      if (page.snapshot && page.cursor === kept?.cursor) return;
      await Promise.all(ordersOf(page).map(carryOut));
      await tiers.noteCursor(page.cursor).catch(events.purgeNotNoted);
    },
  };
}

function ordersOf({ snapshot, messages }: FeedPage): readonly PurgeOrder[] {
  // Who gets a snapshot was away for longer than the log reaches back: it may have missed any order.
  const orders = snapshot ? [EVERYTHING] : [];
  for (const message of messages) {
    if (message.type === 'purge') orders.push(message.purge);
    // Its name may be given anew, to another origin.
    if (message.type === 'zone-removed') orders.push({ tag: zoneTag(message.name), soft: false });
  }
  return orders;
}

/** What purges leave of an entry: itself, or another that says more. */
function judge(entry: Entry, purges: PurgeRules): Entry | undefined {
  const { host, name: path } = entry;
  let isSame = true;
  const left = entry.variants.filter((variant: Variant) => {
    const { tags, purge: mark } = variant;
    const wasStale = mark.isStale;
    const verdict = purges.judge({ host, path, tags, mark });
    isSame &&= verdict === 'kept' || (verdict === 'stale' && wasStale);
    return verdict !== 'gone';
  });
  if (isSame) return entry;
  const seq = Math.min(...left.map(({ purge }) => purge.seq));
  return left.length === 0 ? undefined : { ...entry, variants: left, seq };
}
