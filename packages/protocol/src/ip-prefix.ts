/** IP prefixes, to which a token can be bound. IPv4-mapped IPv6 addresses count as IPv4, as dual-stack sockets report them. */

import { isIPv4, isIPv6 } from 'node:net';

/** A network: the address's bytes (4 or 16) and how many leading bits count. */
export interface IpPrefix {
  readonly bytes: readonly number[];
  readonly bits: number;
}

const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/**
 * Reads `203.0.113.0/24`, `2001:db8::/48` or a single address (all of its bits count). Host bits may be set; they are ignored.
 * @returns null for anything else
 */
export function parseIpPrefix(text: string): IpPrefix | null {
  const slash = text.indexOf('/');
  const bytes = parseIpAddress(slash < 0 ? text : text.slice(0, slash));
  if (bytes === null) return null;
  const width = bytes.length * 8;
  if (slash < 0) return { bytes, bits: width };
  const digits = text.slice(slash + 1);
  const bits = /^(0|[1-9]\d{0,2})$/.test(digits) ? Number(digits) : NaN;
  return bits <= width ? { bytes, bits } : null;
}

/** Whether `address` lies in the network. False for an address that cannot be read. */
export function isInPrefix(address: string, prefix: IpPrefix): boolean {
  const bytes = parseIpAddress(address);
  if (bytes === null || bytes.length !== prefix.bytes.length) return false;
  return bytes.every((byte, index) => {
    const mask = byteMask(prefix.bits, index);
    return (byte & mask) === ((prefix.bytes[index] as number) & mask);
  });
}

/** How many leading bits of an address say who counts as one. */
export interface NetworkSize {
  readonly ipv4Bits: number;
  readonly ipv6Bits: number;
}

/**
 * The network that an address lies in, written one way whatever way the address is written: `203.0.113.0/24`,
 * `2001:db8:0:0:0:0:0:0/48`.
 * @returns the address itself when it cannot be read
 */
export function networkOf(address: string, { ipv4Bits, ipv6Bits }: NetworkSize): string {
  const bytes = parseIpAddress(address.split('%')[0] ?? '');
  if (bytes === null) return address;
  const bits = bytes.length === 4 ? ipv4Bits : ipv6Bits;
  const kept = bytes.map((byte, index) => byte & byteMask(bits, index));
  return `${bytes.length === 4 ? kept.join('.') : groupsOf(kept)}/${bits}`;
}

/** Which bits of the byte at an index belong to a network of so many. */
function byteMask(bits: number, index: number): number {
  return (0xff << (8 - Math.max(0, Math.min(8, bits - index * 8)))) & 0xff;
}

function groupsOf(bytes: readonly number[]): string {
  const groups = Array.from({ length: bytes.length / 2 }, (_, index) => {
    return (((bytes[2 * index] ?? 0) << 8) | (bytes[2 * index + 1] ?? 0)).toString(16);
  });
  return groups.join(':');
}

function parseIpAddress(text: string): number[] | null {
  const plain = MAPPED.exec(text)?.[1] ?? text;
  if (isIPv4(plain)) return plain.split('.').map(Number);
  // A zone (`fe80::1%eth0`) names an interface of one machine, so it cannot be part of a token.
  if (!isIPv6(plain) || plain.includes('%')) return null;
  return parseIpv6(plain);
}

/** Expects text that `isIPv6` has accepted. */
function parseIpv6(text: string): number[] {
  const [head = '', tail] = text.split('::');
  const front = groupBytes(head);
  if (tail === undefined) return front;
  const back = groupBytes(tail);
  return [...front, ...Array<number>(16 - front.length - back.length).fill(0), ...back];
}

function groupBytes(groups: string): number[] {
  if (groups === '') return [];
  return groups.split(':').flatMap((group) => {
    if (group.includes('.')) return group.split('.').map(Number);
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}
