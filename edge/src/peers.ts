/** Where this edge sends viewers whom it cannot serve. */

import type { FeedState } from '@headwater/protocol/feed-state';
import type { Clock } from '@headwater/service/clock';
import { LRUCache } from 'lru-cache';
import { pathwaysOf } from './pathways.ts';

interface PeersOptions {
  readonly feed: FeedState;
  readonly ownId: string;
  readonly clock: Clock;
  /** of an edge that this one asks too, and that it finds not to answer: the fleet hears of that later */
  readonly isGone: (baseUrl: string) => boolean;
}

/** Chosen anew so often: to choose takes a hash for each edge there is, and a sick edge is asked a lot. */
const CHOICE_MS = 500;
const REMEMBERED_STREAMS = 1_000;

interface Choice {
  readonly baseUrl: string | null;
  readonly atMs: number;
}

export class Peers {
  readonly #options: PeersOptions;
  readonly #choices = new LRUCache<string, Choice>({ max: REMEMBERED_STREAMS });

  constructor(options: PeersOptions) {
    this.#options = options;
  }

  /** The base URL of the healthy edge that players of a stream are told to use next; null when there is none. */
  of(stream: string): string | null {
    const { feed, ownId, clock, isGone } = this.#options;
    const nowMs = clock.monotonicMs();
    const known = this.#choices.get(stream);
    const isGood = known !== undefined && (known.baseUrl === null || !isGone(known.baseUrl));
    if (isGood && nowMs - known.atMs < CHOICE_MS) return known.baseUrl;
    const urls = pathwaysOf(feed, ownId, stream).ways.map((way) => way.baseUrl);
    const baseUrl = urls.find((url) => url !== null && !isGone(url)) ?? null;
    this.#choices.set(stream, { baseUrl, atMs: nowMs });
    return baseUrl;
  }
}
