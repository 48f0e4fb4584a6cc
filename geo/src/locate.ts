/** Where a viewer is, as far as an address tells. */

import { readFile } from 'node:fs/promises';
import { BlockList, isIPv4 } from 'node:net';
import type { Place } from '@headwater/protocol/node';
import { Reader, type Response } from 'maxmind';
import { COUNTRY_PLACES } from './country-places.ts';

/** What an address told, and how it was known. */
export interface Location {
  readonly place: Place | null;
  readonly country: string | null;
  /** autonomous system number */
  readonly asn: number | null;
  readonly source: 'database' | 'country' | 'default' | 'unknown';
}

export type Locator = (address: string) => Location;

/**
 * Opens a database of places (MaxMind DB format). Records with coordinates are taken at their word; of others the country
 * counts. Addresses that belong to no country (private, loopback, link-local) are taken to stand beside this service.
 * @param file path of the database
 * @param beside where a private address is presumed to be
 */
export async function openLocator(file: string, beside: Place | null): Promise<Locator> {
  const database = new Reader<Response>(await readFile(file));
  return (address) => {
    if (isPrivate(address))
      return { place: beside, country: null, asn: null, source: beside === null ? 'unknown' : 'default' };
    return locationOf(database.get(address));
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
