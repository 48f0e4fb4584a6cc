/** The control plane's configuration. The only file here that reads the environment. */

import { hostname } from 'node:os';
import { join } from 'node:path';
import type { IpPrefix } from '@headwater/protocol/ip-prefix';
import { isNodeId } from '@headwater/protocol/names';
import { ZONE_LIMIT } from '@headwater/protocol/zone';
import { ConfigError, type Environment, httpUrl, integer, ipPrefixes, oneOf, port, text } from '@headwater/service/env';
import type { LogLevel } from '@headwater/service/log';
import type { Retention } from './people/audit-log.ts';

export interface ControlPlaneConfig {
  readonly port: number;
  readonly dataDir: string;
  /** null: the state is in a file of the data directory */
  readonly redisUrl: string | null;
  /** null: no other replica; the fleet is known by ear */
  readonly consulUrl: string | null;
  readonly consulToken: string | null;
  /** this replica among others */
  readonly replica: string;
  /** what others are told to reach us by, where no node says it better */
  readonly publicHost: string;
  readonly edgePort: number;
  readonly geoPort: number;
  readonly rtmpPort: number;
  /** null: made once and kept in the data directory */
  readonly adminToken: string | null;
  readonly joinToken: string | null;
  /** seals what must be read again; null: made once and kept in the data directory */
  readonly secretsKey: string | null;
  /** whose X-Forwarded-For counts */
  readonly trustedProxies: readonly IpPrefix[];
  readonly audit: Retention;
  readonly logLevel: LogLevel;
  readonly limits: ControlPlaneLimits;
}

/** Beyond each the answer is an error with a code. */
interface ControlPlaneLimits {
  readonly bodyBytes: number;
  /** of a request, its URL among them */
  readonly headerBytes: number;
  readonly connections: number;
  readonly streams: number;
  readonly zones: number;
  readonly nodes: number;
  readonly issuers: number;
  readonly joinTokens: number;
  readonly users: number;
  readonly apiKeys: number;
  readonly revocations: number;
  /** answers that can be had again, in 24 hours */
  readonly idempotencyKeys: number;
  /** feed polls that wait at once */
  readonly waiters: number;
  readonly tokenTtlSeconds: number;
}

/** @throws ConfigError naming the variable */
export function readConfig(env: Environment = process.env): ControlPlaneConfig {
  return {
    port: port(env, 'HEADWATER_CONTROL_PORT', 7000),
    dataDir: text(env, 'HEADWATER_DATA_DIR', join(process.cwd(), 'data')),
    redisUrl: redisUrl(env, 'REDIS_URL'),
    consulUrl: consulUrl(env, 'CONSUL_HTTP_ADDR'),
    consulToken: text(env, 'CONSUL_HTTP_TOKEN', undefined) ?? null,
    replica: replicaName(env, 'HEADWATER_NODE_ID'),
    publicHost: text(env, 'HEADWATER_PUBLIC_HOST', '127.0.0.1'),
    edgePort: port(env, 'HEADWATER_EDGE_PORT', 8080),
    geoPort: port(env, 'HEADWATER_GEO_PORT', 7100),
    rtmpPort: port(env, 'HEADWATER_RTMP_PORT', 1935),
    adminToken: bearer(env, 'HEADWATER_ADMIN_TOKEN'),
    joinToken: bearer(env, 'HEADWATER_JOIN_TOKEN'),
    secretsKey: secretsKey(env, 'HEADWATER_SECRETS_KEY'),
    trustedProxies: ipPrefixes(env, 'HEADWATER_TRUSTED_PROXIES'),
    audit: {
      entries: integer(env, 'HEADWATER_AUDIT_ENTRIES', { fallback: 100_000, min: 1_000, max: 10_000_000 }),
      keepMs: integer(env, 'HEADWATER_AUDIT_DAYS', { fallback: 400, min: 1, max: 10_000 }) * 86_400_000,
    },
    logLevel: oneOf(env, 'HEADWATER_LOG_LEVEL', ['debug', 'info', 'warn', 'error'], 'info'),
    limits: {
      bodyBytes: integer(env, 'HEADWATER_CONTROL_BODY_BYTES', { fallback: 262_144, min: 1_024, max: 16_777_216 }),
      headerBytes: integer(env, 'HEADWATER_CONTROL_MAX_HEADER_BYTES', { fallback: 16_384, min: 1_024, max: 131_072 }),
      connections: integer(env, 'HEADWATER_CONTROL_MAX_CONNECTIONS', { fallback: 4_096, min: 1, max: 1_000_000 }),
      streams: integer(env, 'HEADWATER_MAX_STREAMS', { fallback: 1_000, min: 1, max: 100_000 }),
      zones: integer(env, 'HEADWATER_MAX_ZONES', { fallback: ZONE_LIMIT, min: 1, max: ZONE_LIMIT }),
      nodes: integer(env, 'HEADWATER_MAX_NODES', { fallback: 1_000, min: 1, max: 100_000 }),
      issuers: integer(env, 'HEADWATER_MAX_ISSUERS', { fallback: 100, min: 1, max: 10_000 }),
      joinTokens: integer(env, 'HEADWATER_MAX_JOIN_TOKENS', { fallback: 1_000, min: 1, max: 100_000 }),
      users: integer(env, 'HEADWATER_MAX_USERS', { fallback: 1_000, min: 1, max: 100_000 }),
      apiKeys: integer(env, 'HEADWATER_MAX_API_KEYS', { fallback: 1_000, min: 1, max: 100_000 }),
      revocations: integer(env, 'HEADWATER_MAX_REVOCATIONS', { fallback: 100_000, min: 1, max: 100_000 }),
      idempotencyKeys: integer(env, 'HEADWATER_MAX_IDEMPOTENCY_KEYS', { fallback: 10_000, min: 1, max: 1_000_000 }),
      waiters: integer(env, 'HEADWATER_MAX_FEED_WAITERS', { fallback: 2_000, min: 1, max: 100_000 }),
      tokenTtlSeconds: integer(env, 'HEADWATER_MAX_TOKEN_TTL_SECONDS', {
        fallback: 7 * 86_400,
        min: 1,
        max: 30 * 86_400,
      }),
    },
  };
}

/** A Redis server, or null when unset. */
function redisUrl(env: Environment, variable: string): string | null {
  const value = text(env, variable, undefined);
  if (value === undefined) return null;
  if (!URL.canParse(value) || !/^rediss?:$/.test(new URL(value).protocol)) {
    throw new ConfigError(variable, 'wants redis://HOST:PORT or rediss://HOST:PORT');
  }
  return value;
}

/** As Consul's own tools read it: a URL, or HOST:PORT. */
function consulUrl(env: Environment, variable: string): string | null {
  const value = text(env, variable, undefined);
  if (value === undefined) return null;
  return httpUrl({ [variable]: value.includes('://') ? value : `http://${value}` }, variable, value);
}

/** Two replicas of one name would be one to Consul; hosts have different names. */
function replicaName(env: Environment, variable: string): string {
  const host = hostname()
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]/g, '-')
    .slice(0, 50);
  const value = text(env, variable, `control-${host}`);
  if (!isNodeId(value))
    throw new ConfigError(variable, `wants lower-case letters, digits and hyphens, got ${JSON.stringify(value)}`);
  return value;
}

const SECRETS_KEY_CHARS = 32;

/** Long enough that nobody guesses it, or null when unset. */
function secretsKey(env: Environment, variable: string): string | null {
  const value = text(env, variable, undefined) ?? null;
  if (value !== null && value.length < SECRETS_KEY_CHARS) {
    throw new ConfigError(variable, `wants at least ${SECRETS_KEY_CHARS} characters, made by chance`);
  }
  return value;
}

/** What an Authorization header can carry (RFC 6750 §2.1), or null when unset. */
function bearer(env: Environment, variable: string): string | null {
  const value = text(env, variable, undefined);
  if (value === undefined) return null;
  if (!/^[A-Za-z0-9._~+/=-]{1,256}$/.test(value)) {
    throw new ConfigError(variable, 'wants 1 to 256 letters, digits and -._~+/=');
  }
  return value;
}
