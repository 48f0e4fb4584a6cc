/** Who counts as one where answers are limited or departures counted: the /24 of an IPv4 address, the /56 of an IPv6 one. */

import { type NetworkSize, networkOf } from '@headwater/protocol/ip-prefix';

const PARTY: NetworkSize = { ipv4Bits: 24, ipv6Bits: 56 };

export function partyOf(address: string): string {
  return networkOf(address, PARTY);
}
