/** What histories' edges hear from the fleet: zones and keys at first, then orders. */

import type { FeedMessage, FeedPage, Purge } from '@headwater/protocol/feed';
import { makeKeyring, mintPathToken } from '@headwater/protocol/path-token';
import { zoneScope } from '@headwater/protocol/token-scope';
import type { Clock } from '@headwater/service/clock';
import { PLACES, type PurgeSpec, folderOf, placeAt } from './history.ts';

const KEY = { kid: 'k1', secret: Buffer.alloc(32, 7).toString('base64url'), state: 'current' } as const;
const KEYRING = makeKeyring([KEY]);
const HOUR_S = 3_600;
/** Histories last longer on their own clock than any token should. */
const TOKEN_LIFE_S = 1_000 * HOUR_S;

export class FeedPages {
  readonly first: FeedPage;
  readonly #clock: Clock;
  #pages = 1;

  constructor(clock: Clock, originUrl: string) {
    this.#clock = clock;
    const messages: FeedMessage[] = [{ type: 'path-keys', keys: [KEY] }, ...zoneMessages(originUrl)];
    this.first = { cursor: '1', snapshot: true, messages };
  }

  purge(spec: PurgeSpec): FeedPage {
    this.#pages += 1;
    const purge = this.#order(spec);
    return { cursor: String(this.#pages), snapshot: false, messages: [{ type: 'purge', purge }] };
  }

  #order({ by, place, tag, soft }: PurgeSpec): Purge {
    const { host, name } = placeAt(place);
    const url = (path: string): string => (host === null ? path.replace(/^\*/, '') : `http://${path}`);
    const order = { id: `p${this.#pages}`, soft, atMs: this.#clock.nowMs() };
    switch (by) {
      case 'url':
        return { ...order, url: url(name) };
      case 'prefix':
        return { ...order, prefix: url(folderOf(name)) };
      case 'tag':
        return { ...order, tag };
      case 'all':
        return { ...order, all: true };
    }
  }
}

/** A token for a zone's paths, or one that has run out. */
export function mintFor(zone: string, expired: boolean, clock: Clock): string {
  const nowS = Math.floor(clock.nowMs() / 1000);
  const expiresS = expired ? nowS - HOUR_S : nowS + TOKEN_LIFE_S;
  const claims = { session: 's1', scope: zoneScope(zone), notBeforeS: nowS - 2 * HOUR_S, expiresS, bind: null };
  return mintPathToken(claims, KEYRING);
}

function zoneMessages(originUrl: string): FeedMessage[] {
  const zones = Map.groupBy(PLACES, ({ zone }) => zone);
  return [...zones].map(([name, places]) => {
    const hosts = [...new Set(places.map(({ host }) => host ?? '*'))];
    const policy = places[0]?.policy ?? 'public';
    const pathPrefix = hosts.includes('*') ? '/any' : '/';
    return { type: 'zone', zone: { name, hosts, pathPrefix, origins: [originUrl], policy } };
  });
}
