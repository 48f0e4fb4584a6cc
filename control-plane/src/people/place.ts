/** Where a log-in comes from, as coarse as an address's network: people move within one, attackers seldom sit in it. */

import { isIPv4, isIPv6 } from 'node:net';

/** The first 24 bits of IPv4, 48 of IPv6. */
export function placeOf(address: string): string {
  if (isIPv4(address)) return `${address.split('.').slice(0, 3).join('.')}.0/24`;
  return isIPv6(address) ? `${groups(address, 3)}::/48` : 'unknown';
}

/** What one attacker has of its own: an IPv4 address, or a /64 of IPv6. */
export function sourceOf(address: string): string {
  if (isIPv4(address)) return address;
  return isIPv6(address) ? `${groups(address, 4)}::/64` : 'unknown';
}

function groups(address: string, count: number): string {
  const [head = '', tail] = (address.split('%')[0] as string).split('::');
  const front = head === '' ? [] : head.split(':');
  const back = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? [] : Array<string>(Math.max(0, 8 - front.length - back.length)).fill('0');
  const all = [...front, ...zeros, ...back];
  return all
    .slice(0, count)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}
