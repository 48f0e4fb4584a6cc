/** Where a log-in comes from, as coarse as an address's network: people move within one, attackers seldom sit in it. */

import { type NetworkSize, networkOf } from '@headwater/protocol/ip-prefix';

const PLACE: NetworkSize = { ipv4Bits: 24, ipv6Bits: 48 };

export function placeOf(address: string): string {
  return networkOf(address, PLACE);
}
