/** geo's configuration; the only reader of its environment. */

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AddressCap } from '@headwater/protocol/address-cap';
import type { IpPrefix } from '@headwater/protocol/ip-prefix';
import {
  ConfigError,
  type Environment,
  addressCap,
  httpUrl,
  integer,
  ipPrefixes,
  oneOf,
  port,
  text,
} from '@headwater/service/env';
import type { LogLevel } from '@headwater/service/log';
import { type NodeIdentity, readNodeIdentity } from '@headwater/service/node-identity';

export interface GeoConfig extends NodeIdentity {
  readonly port: number;
  /** base URL for viewers; null: the public host and the port that was bound */
  readonly publicUrl: string | null;
  /** MaxMind DB */
  readonly databaseFile: string;
  readonly asnFile: string | null;
  readonly zonesFile: string | null;
  /** whose X-Forwarded-For and X-Forwarded-Proto count */
  readonly trustedProxies: readonly IpPrefix[];
  /** the zone that sends viewers to edges by DNS, and its port; null: none */
  readonly dns: { readonly zone: string; readonly port: number } | null;
  /** our name in a session token's `aud` */
  readonly audience: string;
  readonly stateFile: string;
  readonly logLevel: LogLevel;
  readonly limits: GeoLimits;
}

/** Beyond each a request or a connection is refused. */
export interface GeoLimits {
  readonly urlBytes: number;
  readonly headerBytes: number;
  readonly connections: number;
  /** trusted proxies are spared */
  readonly connectionsPerAddress: AddressCap;
}

/** As at an edge: viewers behind one carrier's address are many. */
const DEFAULT_CONNECTIONS_PER_ADDRESS = 1_000;

/** @throws ConfigError naming the variable that does not read as it should */
export function readConfig(env: Environment = process.env): GeoConfig {
  const identity = readNodeIdentity(env, 'geo-1');
  return {
    ...identity,
    port: port(env, 'HEADWATER_GEO_PORT', 7100),
    publicUrl: httpUrl(env, 'HEADWATER_GEO_PUBLIC_URL', undefined) ?? null,
    databaseFile: text(env, 'HEADWATER_GEO_DATABASE_FILE', undefined) ?? defaultDatabase(),
    asnFile: text(env, 'HEADWATER_GEO_ASN_DATABASE_FILE', undefined) ?? null,
    zonesFile: text(env, 'HEADWATER_GEO_ZONES_FILE', undefined) ?? null,
    dns: dnsZone(env),
    trustedProxies: ipPrefixes(env, 'HEADWATER_TRUSTED_PROXIES'),
    audience: text(env, 'HEADWATER_TOKEN_AUDIENCE', 'headwater'),
    stateFile: join(text(env, 'HEADWATER_DATA_DIR', './data'), `${identity.nodeId}.json`),
    logLevel: oneOf(env, 'HEADWATER_LOG_LEVEL', ['debug', 'info', 'warn', 'error'], 'info'),
    limits: {
      urlBytes: integer(env, 'HEADWATER_GEO_MAX_URL_BYTES', { fallback: 8_192, min: 256, max: 65_536 }),
      headerBytes: integer(env, 'HEADWATER_GEO_MAX_HEADER_BYTES', { fallback: 16_384, min: 1_024, max: 131_072 }),
      connections: integer(env, 'HEADWATER_GEO_MAX_CONNECTIONS', { fallback: 20_000, min: 1, max: 1_000_000 }),
      connectionsPerAddress: addressCap(env, 'HEADWATER_MAX_CONNECTIONS_PER_IP', DEFAULT_CONNECTIONS_PER_ADDRESS),
    },
  };
}

const ZONE = /^(?=.{1,200}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+$/;

function dnsZone(env: Environment): GeoConfig['dns'] {
  const zone = text(env, 'HEADWATER_DNS_ZONE', '').toLowerCase().replace(/\.$/, '');
  if (zone === '') return null;
  if (!ZONE.test(zone)) throw new ConfigError('HEADWATER_DNS_ZONE', 'wants a domain name such as cdn.example.com');
  return { zone, port: port(env, 'HEADWATER_DNS_PORT', 5353) };
}

function defaultDatabase(): string {
  return fileURLToPath(import.meta.resolve('@ip-location-db/geo-whois-asn-country-mmdb/geo-whois-asn-country.mmdb'));
}
