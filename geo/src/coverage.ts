/**
 * What operators know better than any database: coverage zones by network or autonomous system, in a JSON file such as
 *
 *     [{ "place": "52.5,13.4", "country": "DE", "prefixes": ["203.0.113.0/24"], "asns": [64500] }]
 *
 * The first that fits counts.
 */

import { NetworkMap } from '@headwater/protocol/network-map';
import type { Place } from '@headwater/protocol/node';

/** A zone as it is used. */
interface Zone {
  readonly place: Place;
  readonly country: string | null;
}

/** All zones, by the networks and systems that they cover: the number of the first that does. */
export interface Coverage {
  readonly zones: readonly Zone[];
  readonly byNetwork: NetworkMap;
  readonly byAsn: ReadonlyMap<number, number>;
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
  const byNetwork = new NetworkMap();
  const byAsn = new Map<number, number>();
  let entries = 0;
  const zones = parsed.map((entry: unknown, index) => {
    const { zone, prefixes, asns } = parseZone(entry, index);
    entries += prefixes.length + asns.length;
    if (entries > ENTRY_LIMIT) throw new Error(`has more than ${ENTRY_LIMIT} networks`);
    for (const prefix of prefixes) {
      const isNetwork = typeof prefix === 'string' && byNetwork.add(prefix, index);
      if (!isNetwork) throw new Error(`zone ${index}: ${JSON.stringify(prefix)} is no network`);
    }
    for (const asn of asns) if (!byAsn.has(asn)) byAsn.set(asn, index);
    return zone;
  });
  return { zones, byNetwork, byAsn };
}

/** The zone of an address; null when none covers it. */
export function coverageOf({ zones, byNetwork, byAsn }: Coverage, address: string, asn: number | null): Zone | null {
  const bySystem = (asn === null ? undefined : byAsn.get(asn)) ?? Infinity;
  return zones[Math.min(bySystem, byNetwork.lowestOf(address) ?? Infinity)] ?? null;
}

interface ParsedZone {
  readonly zone: Zone;
  readonly prefixes: readonly unknown[];
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
  if (!asns.every(Number.isSafeInteger)) throw new Error(`zone ${index}: asns wants numbers`);
  return { zone: { place: { latitude, longitude }, country }, prefixes, asns: asns as number[] };
}
