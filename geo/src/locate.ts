/** Where a viewer is, as far as an address tells. */

import { type Stats, unwatchFile, watchFile } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { BlockList, isIPv4 } from 'node:net';
import type { Place } from '@headwater/protocol/node';
import { Reader, type Response } from 'maxmind';
import { type Coverage, coverageOf, parseCoverage } from './coverage.ts';
import { COUNTRY_PLACES } from './country-places.ts';

/** What an address told, and how it was known. */
export interface Location {
  readonly place: Place | null;
  readonly country: string | null;
  /** autonomous system number */
  readonly asn: number | null;
  readonly source: 'zone' | 'database' | 'country' | 'default' | 'unknown';
}

export type Locator = (address: string) => Location;

/** What places are known by. */
export interface LocatorSources {
  /** MaxMind DB of places or countries */
  readonly databaseFile: string;
  /** MaxMind DB of autonomous systems */
  readonly asnFile: string | null;
  /** see `coverage.ts` */
  readonly zonesFile: string | null;
  /** where a private address is presumed to be */
  readonly beside: Place | null;
}

/** Looks addresses up in files that may be replaced while it runs. */
export interface LiveLocator extends Disposable {
  readonly locate: Locator;
}

/**
 * Opens them. Zones come first; records with coordinates are taken at their word; of others the country counts. Addresses that
 * belong to no country (private, loopback, link-local) are taken to stand beside this service. A file that is replaced is read
 * anew; one that cannot be read then leaves what was read before, and one that turns out to be damaged is told of once.
 * @throws Error when a file cannot be read at the start
 */
export async function openLocator(
  { databaseFile, asnFile, zonesFile, beside }: LocatorSources,
  onReload: (file: string, error: unknown) => void = () => undefined,
): Promise<LiveLocator> {
  const places = await openLive(databaseFile, readDatabase, onReload);
  const systems = asnFile === null ? null : await openLive(asnFile, readDatabase, onReload);
  const zones = zonesFile === null ? null : await openLive(zonesFile, readZones, onReload);
  function locate(address: string): Location {
    const zoneOf = (asn: number | null): Location | null => {
      const zone = zones === null ? null : coverageOf(zones.value, address, asn);
      return zone === null ? null : { place: zone.place, country: zone.country, asn, source: 'zone' };
    };
    if (isPrivate(address)) {
      const source = beside === null ? 'unknown' : 'default';
      return zoneOf(null) ?? { place: beside, country: null, asn: null, source };
    }
    const found = locationOf(recordOf(places.value, address, onReload));
    const asn = systems === null ? found.asn : locationOf(recordOf(systems.value, address, onReload)).asn;
    return zoneOf(asn) ?? { ...found, asn };
  }
  return {
    locate,
    [Symbol.dispose]() {
      for (const file of [places, systems, zones]) file?.[Symbol.dispose]();
    },
  };
}

interface Database {
  readonly file: string;
  readonly reader: Reader<Response>;
  /** known, and told */
  isDamaged: boolean;
}

async function readDatabase(file: string): Promise<Database> {
  return { file, reader: new Reader<Response>(await readFile(file)), isDamaged: false };
}

/** What a database says of an address. A damaged one costs those their place whom it fails, and nobody the way in. */
function recordOf(database: Database, address: string, onError: (file: string, error: unknown) => void): unknown {
  // One of IPv4 alone takes the first 32 bits of an IPv6 address for an address of its own.
  if (database.reader.metadata.ipVersion === 4 && !isIPv4(address)) return null;
  try {
    return database.reader.get(address);
  } catch (error) {
    if (!database.isDamaged) onError(database.file, error);
    database.isDamaged = true;
    return null;
  }
}

async function readZones(file: string): Promise<Coverage> {
  return parseCoverage(await readFile(file, 'utf8'));
}

interface Live<T> extends Disposable {
  readonly value: T;
}

/** Looked at so often; a database is replaced once a week. */
const WATCH_MS = 2_000;

async function openLive<T>(
  file: string,
  read: (file: string) => Promise<T>,
  onReload: (file: string, error: unknown) => void,
): Promise<Live<T>> {
  let value: T = await read(file);
  async function reload(): Promise<void> {
    try {
      value = await read(file);
      onReload(file, null);
    } catch (error) {
      onReload(file, error);
    }
  }
  function changed(now: Stats, before: Stats): void {
    if (now.mtimeMs !== before.mtimeMs || now.ino !== before.ino) void reload();
  }
  watchFile(file, { interval: WATCH_MS, persistent: false }, changed);
  return {
    get value() {
      return value;
    },
    [Symbol.dispose]: () => unwatchFile(file, changed),
  };
}

/** Reads the record of any of the usual databases: flat (ip-location-db) or nested (GeoLite2, DB-IP). */
export function locationOf(record: unknown): Location {
  const fields = (record ?? {}) as DatabaseRecord;
  const country = fields.country_code ?? fields.country?.iso_code ?? null;
  const asn = fields.autonomous_system_number ?? null;
  const { latitude, longitude } = fields.location ?? fields;
  if (typeof latitude === 'number' && typeof longitude === 'number') {
    return { place: { latitude, longitude }, country, asn, source: 'database' };
  }
  const place = country === null ? undefined : COUNTRY_PLACES.get(country);
  return place === undefined
    ? { place: null, country, asn, source: 'unknown' }
    : { place, country, asn, source: 'country' };
}

interface DatabaseRecord {
  readonly autonomous_system_number?: number;
  readonly country_code?: string;
  readonly country?: { readonly iso_code?: string };
  readonly latitude?: number;
  readonly longitude?: number;
  readonly location?: { readonly latitude?: number; readonly longitude?: number };
}

/** RFC 1918, RFC 6598, loopback, link-local, and their IPv6 kin (RFC 4193, RFC 4291). */
const PRIVATE = new BlockList();
for (const [network, bits] of [
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
] as const) {
  PRIVATE.addSubnet(network, bits, 'ipv4');
}
PRIVATE.addAddress('::1', 'ipv6');
PRIVATE.addSubnet('fc00::', 7, 'ipv6');
PRIVATE.addSubnet('fe80::', 10, 'ipv6');

function isPrivate(address: string): boolean {
  return PRIVATE.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');
}
