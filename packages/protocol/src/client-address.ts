/** The address a request comes from, also through proxies that we were told to trust. */

import { isIP } from 'node:net';
import { type IpPrefix, isInPrefix } from './ip-prefix.ts';

/** More hops than any real chain has; what stands before them is not read. */
const HOPS_LIMIT = 16;

/**
 * Walks X-Forwarded-For from its end, where the nearest proxy wrote, for as long as the one who wrote is trusted. Anyone can
 * write the front of that header, so the first address that no trusted proxy answers for is the client's.
 * @param socketAddress the peer of the connection
 */
export function clientAddress(
  socketAddress: string,
  forwardedFor: string | undefined,
  trusted: readonly IpPrefix[],
): string {
  let address = plainAddress(socketAddress);
  const hops = (forwardedFor ?? '').split(',').slice(-HOPS_LIMIT);
  while (hops.length > 0 && trusted.some((prefix) => isInPrefix(address, prefix))) {
    const previous = plainAddress((hops.pop() as string).trim());
    if (isIP(previous) === 0) return address;
    address = previous;
  }
  return address;
}

/** IPv4 as IPv4, though a dual-stack socket reports it as `::ffff:1.2.3.4`. */
function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '');
}
