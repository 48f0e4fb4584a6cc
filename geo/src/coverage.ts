/**
 * What operators know better than any database: coverage zones by network or autonomous system, in a JSON file such as
 *
 *     [{ "place": "52.5,13.4", "country": "DE", "prefixes": ["203.0.113.0/24"], "asns": [64500] }]
 *
 * The first that fits counts.
 */

import { type IpPrefix, isInPrefix, parseIpPrefix } from '@headwater/protocol/ip-prefix';
import type { Place } from '@headwater/protocol/node';

/** A zone as it is used. */
export interface Coverage {
  readonly place: Place;
  readonly country: string | null;
  readonly prefixes: readonly IpPrefix[];
  readonly asns: ReadonlySet<number>;
}

const ZONE_LIMIT = 10_000;
const ENTRY_LIMIT = 100_000;

/**
 * Reads the file's text.
 * @throws Error that says which entry is wrong, and how
 */
export function parseCoverage(text: string): readonly Coverage[] {
  const parsed: unknown = JSON.parse(text);
  if (!Array.isArray(parsed) || parsed.length > ZONE_LIMIT)
    throw new Error(`wants a list of at most ${ZONE_LIMIT} zones`);
  let entries = 0;
  return parsed.map((zone: unknown, index) => {
    const coverage = parseZone(zone, index);
    entries += coverage.prefixes.length + coverage.asns.size;
    if (entries > ENTRY_LIMIT) throw new Error(`has more than ${ENTRY_LIMIT} networks`);
    return coverage;
  });
}

/** The zone of an address; null when none covers it. */
export function coverageOf(zones: readonly Coverage[], address: string, asn: number | null): Coverage | null {
  const fits = ({ prefixes, asns }: Coverage): boolean =>
    (asn !== null && asns.has(asn)) || prefixes.some((prefix) => isInPrefix(address, prefix));
  return zones.find(fits) ?? null;
}

function parseZone(zone: unknown, index: number): Coverage {
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
    return prefix;
  });
  if (!asns.every(Number.isSafeInteger)) throw new Error(`zone ${index}: asns wants numbers`);
  return { place: { latitude, longitude }, country, prefixes: networks, asns: new Set(asns as number[]) };
}
