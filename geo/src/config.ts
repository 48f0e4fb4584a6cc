/** geo's configuration; the only reader of its environment. */

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type IpPrefix, parseIpPrefix } from '@headwater/protocol/ip-prefix';
import { isNodeId } from '@headwater/protocol/names';
import type { Place } from '@headwater/protocol/node';
import { ConfigError, type Environment, httpUrl, oneOf, place, port, text } from '@headwater/service/env';
import type { LogLevel } from '@headwater/service/log';

export interface GeoConfig {
  readonly port: number;
  /** base URL for viewers; null: the public host and the port that was bound */
  readonly publicUrl: string | null;
  readonly publicHost: string;
  readonly controlUrl: string;
  readonly joinToken: string;
  readonly nodeId: string;
  readonly place: Place | null;
  /** MaxMind DB */
  readonly databaseFile: string;
  /** whose X-Forwarded-For and X-Forwarded-Proto count */
  readonly trustedProxies: readonly IpPrefix[];
  /** our name in a session token's `aud` */
  readonly audience: string;
  readonly stateFile: string;
  readonly logLevel: LogLevel;
}

/** @throws ConfigError naming the variable that does not read as it should */
export function readConfig(env: Environment = process.env): GeoConfig {
  const nodeId = text(env, 'HEADWATER_NODE_ID', 'geo-1');
  if (!isNodeId(nodeId)) throw new ConfigError('HEADWATER_NODE_ID', 'wants lower-case letters, digits and hyphens');
  return {
    port: port(env, 'HEADWATER_GEO_PORT', 7100),
    publicUrl: httpUrl(env, 'HEADWATER_GEO_PUBLIC_URL', undefined) ?? null,
    publicHost: text(env, 'HEADWATER_PUBLIC_HOST', '127.0.0.1'),
    controlUrl: httpUrl(env, 'HEADWATER_CONTROL_URL', 'http://127.0.0.1:7000'),
    joinToken: text(env, 'HEADWATER_JOIN_TOKEN', ''),
    nodeId,
    place: place(env, 'HEADWATER_PLACE'),
    databaseFile: text(env, 'HEADWATER_GEO_DATABASE_FILE', undefined) ?? defaultDatabase(),
    trustedProxies: prefixes(env, 'HEADWATER_TRUSTED_PROXIES'),
    audience: text(env, 'HEADWATER_TOKEN_AUDIENCE', 'headwater'),
    stateFile: join(text(env, 'HEADWATER_DATA_DIR', './data'), `${nodeId}.json`),
    logLevel: oneOf(env, 'HEADWATER_LOG_LEVEL', ['debug', 'info', 'warn', 'error'], 'info'),
  };
}

function defaultDatabase(): string {
  return fileURLToPath(import.meta.resolve('@ip-location-db/geo-whois-asn-country-mmdb/geo-whois-asn-country.mmdb'));
}

/** Addresses and networks, by commas. */
function prefixes(env: Environment, variable: string): IpPrefix[] {
  const list = text(env, variable, '')
    .split(',')
    .filter((entry) => entry.trim() !== '');
  return list.map((entry) => {
    const prefix = parseIpPrefix(entry.trim());
    if (prefix === null) throw new ConfigError(variable, `wants addresses or networks, got ${JSON.stringify(entry)}`);
    return prefix;
  });
}
