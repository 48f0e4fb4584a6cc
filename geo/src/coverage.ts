/**
 * What operators know better than any database: coverage zones by network or autonomous system, in a JSON file such as
 *
 *     [{ "place": "52.5,13.4", "country": "DE", "prefixes": ["203.0.113.0/24"], "asns": [64500] }]
 *
 * The first that fits counts.
 */

import { networkOf, parseIpPrefix } from '@headwater/protocol/ip-prefix';
import type { Place } from '@headwater/protocol/node';

/** A zone as it is used. */
interface Zone {
  readonly place: Place;
  readonly country: string | null;
}

/** All zones, found in the same time however many networks they name. */
export interface Coverage {
  readonly zones: readonly Zone[];
  /** by network, as `networkOf` writes it, and by system: the first zone that names it */
  readonly byNetwork: ReadonlyMap<string, number>;
  readonly byAsn: ReadonlyMap<number, number>;
  /** how many leading bits the networks have that are named */
  readonly sizes: ReadonlySet<number>;
}

const ZONE_LIMIT = 10_000;
const ENTRY_LIMIT = 100_000;

/**
 * Reads the file's text.
 * @throws Error that says which entry is wrong, and how
 */
export function parseCoverage(text: string): Coverage {
  const parsed: unknown = JSON.parse(text);
  if (!Array.isArray(parsed) || parsed.length > ZONE_LIMIT)
    throw new Error(`wants a list of at most ${ZONE_LIMIT} zones`);
  const byNetwork = new Map<string, number>();
  const byAsn = new Map<number, number>();
  const sizes = new Set<number>();
  let entries = 0;
  const zones = parsed.map((entry: unknown, index) => {
    const { zone, networks, asns } = parseZone(entry, index);
    entries += networks.length + asns.length;
    if (entries > ENTRY_LIMIT) throw new Error(`has more than ${ENTRY_LIMIT} networks`);
    for (const { name, bits } of networks) {
      sizes.add(bits);
      if (!byNetwork.has(name)) byNetwork.set(name, index);
    }
    for (const asn of asns) if (!byAsn.has(asn)) byAsn.set(asn, index);
    return zone;
  });
  return { zones, byNetwork, byAsn, sizes };
}

/** The zone of an address; null when none covers it. */
export function coverageOf(
  { zones, byNetwork, byAsn, sizes }: Coverage,
  address: string,
  asn: number | null,
): Zone | null {
  let first = (asn === null ? undefined : byAsn.get(asn)) ?? Infinity;
  for (const bits of sizes) {
    const index = byNetwork.get(networkOf(address, { ipv4Bits: bits, ipv6Bits: bits }));
    if (index !== undefined && index < first) first = index;
  }
  return zones[first] ?? null;
}

interface ParsedZone {
  readonly zone: Zone;
  readonly networks: readonly { readonly name: string; readonly bits: number }[];
  readonly asns: readonly number[];
}

function parseZone(zone: unknown, index: number): ParsedZone {
  const { place, country = null, prefixes = [], asns = [] } = (zone ?? {}) as Readonly<Record<string, unknown>>;
  const [latitude = NaN, longitude = NaN] = String(place).split(',').map(Number);
  const isPlace = Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180;
  if (!isPlace) throw new Error(`zone ${index}: place wants "LATITUDE,LONGITUDE"`);
  if (country !== null && (typeof country !== 'string' || !/^[A-Z]{2}$/.test(country)))
    throw new Error(`zone ${index}: country wants two capitals`);
  if (!Array.isArray(prefixes) || !Array.isArray(asns)) throw new Error(`zone ${index}: prefixes and asns want lists`);
  const networks = prefixes.map((text: unknown) => {
    const prefix = typeof text === 'string' ? parseIpPrefix(text) : null;
    if (prefix === null) throw new Error(`zone ${index}: ${JSON.stringify(text)} is no network`);
    const { bits } = prefix;
    const [address = ''] = String(text).split('/');
    return { name: networkOf(address, { ipv4Bits: bits, ipv6Bits: bits }), bits };
  });
  if (!asns.every(Number.isSafeInteger)) throw new Error(`zone ${index}: asns wants numbers`);
  return { zone: { place: { latitude, longitude }, country }, networks, asns: asns as number[] };
}
