/** How many connections one address may hold. */

import { type NetworkSize, isInPrefix, networkOf, parseIpPrefix } from './ip-prefix.ts';

/** 0: no cap. */
export interface AddressCap {
  /** of an address of this machine: a proxy, a test or a load generator beside the service */
  readonly loopback: number;
  readonly elsewhere: number;
}

/** An IPv6 customer is handed at least a /64, so all of it counts as one address. */
const CUSTOMER: NetworkSize = { ipv4Bits: 32, ipv6Bits: 64 };
const LOOPBACK = ['127.0.0.0/8', '::1'].flatMap((network) => parseIpPrefix(network) ?? []);

/** The cap that holds for an address. What cannot be read as one counts as from elsewhere. */
export function capOf(address: string, cap: AddressCap): number {
  return LOOPBACK.some((network) => isInPrefix(address, network)) ? cap.loopback : cap.elsewhere;
}

/** Who is counted as one: an IPv4 address, or a network of IPv6 that one customer holds. */
export function customerOf(address: string): string {
  return networkOf(address, CUSTOMER);
}
