/** An edge's configuration; the only reader of the environment. */

import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { AddressCap } from '@headwater/protocol/address-cap';
import type { ZoneEntry } from '@headwater/protocol/zone';
import { ConfigError, type Environment, addressCap, httpUrl, integer, oneOf, port, text } from '@headwater/service/env';
import type { LogLevel } from '@headwater/service/log';
import { type NodeIdentity, readNodeIdentity } from '@headwater/service/node-identity';
import { type TlsFiles, readTlsFiles } from '@headwater/service/tls-files';
import { parseParents } from './upstream/parent-list.ts';
import type { Weighted } from './upstream/rendezvous.ts';
import { readZonesFile } from './zone/zones-file.ts';

export interface EdgeConfig extends NodeIdentity {
  readonly port: number;
  /** 0 lets the system choose */
  readonly adminPort: number;
  /** null: `http://HOST:PORT` of the port that was bound, or https with certificates */
  readonly publicUrl: string | null;
  /** the certificates of the viewers' port; none: it speaks plain HTTP */
  readonly tlsFiles: readonly TlsFiles[];
  /** what TLS sessions are sealed with; a node's workers share it */
  readonly ticketKeys?: Uint8Array;
  /** our name in a session token's `aud` */
  readonly audience: string;
  /** what the fleet told last, for a start without a control plane */
  readonly stateFile: string;
  /** where somebody on this machine asks for a restart */
  readonly restartSocket: string;
  /** pull zones of this edge's own, which count more than those of the feed */
  readonly zones: readonly ZoneEntry[];
  /** edges that are asked before an origin */
  readonly parents: readonly Weighted[];
  /** the disk tier's; of this node alone */
  readonly cacheDirectory: string;
  readonly logLevel: LogLevel;
  /** processes that answer viewers; 1: this one does */
  readonly workers: number;
  /** of the whole edge */
  readonly limits: EdgeLimits;
}

export interface EdgeLimits {
  readonly ramBytes: number;
  /** 0: no disk tier */
  readonly diskBytes: number;
  /** one object in the cache or on its way */
  readonly objectBytes: number;
  readonly connections: number;
  readonly connectionsPerAddress: AddressCap;
  readonly requestsPerSecondPerAddress: AddressCap;
  /** of those who ask for health and metrics */
  readonly adminConnections: number;
  readonly idleMs: number;
  readonly waiters: number;
  readonly fills: number;
  /** objects that are fetched at once before anybody asks for them; 0: none ever */
  readonly prefetches: number;
  /** memory of all objects on their way, besides the cache */
  readonly fillBytes: number;
  /** memory of what the cache has dropped and viewers have not taken yet */
  readonly unsentBytes: number;
  readonly streams: number;
  readonly urlBytes: number;
  readonly headerBytes: number;
  readonly deadlineMs: number;
  readonly fillDeadlineMs: number;
}

const MOST_WORKERS = 256;
const MIB = 1024 * 1024;
/** Some volumes of slices. */
const LEAST_DISK_BYTES = 16 * MIB;
/** Viewers behind one carrier's address are many, and a browser opens six connections. */
const DEFAULT_CONNECTIONS_PER_ADDRESS = 1_000;
/** Each of those viewers asks for a playlist and a part or two a few times a second. */
const DEFAULT_REQUESTS_PER_SECOND_PER_ADDRESS = 5_000;

/** @throws ConfigError naming the variable that does not read as it should */
export function readConfig(env: Environment = process.env): EdgeConfig {
  const edgePort = port(env, 'HEADWATER_EDGE_PORT', 8080);
  const identity = readNodeIdentity(env, 'edge-1');
  const dataDirectory = text(env, 'HEADWATER_DATA_DIR', './data');
  return {
    ...identity,
    port: edgePort,
    adminPort: port(env, 'HEADWATER_EDGE_ADMIN_PORT', edgePort === 0 ? 0 : edgePort + 1000),
    publicUrl: httpUrl(env, 'HEADWATER_EDGE_PUBLIC_URL', undefined) ?? null,
    tlsFiles: readTlsFiles(env),
    audience: text(env, 'HEADWATER_TOKEN_AUDIENCE', 'headwater'),
    stateFile: join(dataDirectory, `${identity.nodeId}.json`),
    restartSocket: join(dataDirectory, `${identity.nodeId}.sock`),
    cacheDirectory: join(dataDirectory, 'cache', identity.nodeId),
    zones: readZones(env, 'HEADWATER_ZONES_FILE'),
    parents: readParents(env, 'HEADWATER_EDGE_PARENTS'),
    logLevel: oneOf(env, 'HEADWATER_LOG_LEVEL', ['debug', 'info', 'warn', 'error'], 'info'),
    workers: integer(env, 'HEADWATER_EDGE_WORKERS', { fallback: defaultWorkers(), min: 1, max: MOST_WORKERS }),
    limits: readLimits(env),
  };
}

/** As many as there are cores, where the system lets processes share a port. */
function defaultWorkers(): number {
  return process.platform === 'linux' ? Math.min(availableParallelism(), MOST_WORKERS) : 1;
}

function readZones(env: Environment, variable: string): readonly ZoneEntry[] {
  const file = text(env, variable, undefined);
  return file === undefined ? [] : readZonesFile(variable, file);
}

function readParents(env: Environment, variable: string): readonly Weighted[] {
  const list = text(env, variable, '');
  const parents = parseParents(list);
  if (parents !== null) return parents;
  throw new ConfigError(variable, `wants URL[;weight=N], …, each once, got ${JSON.stringify(list)}`);
}

function readLimits(env: Environment): EdgeLimits {
  const limit = (variable: string, fallback: number, most: number, least = 1): number =>
    integer(env, variable, { fallback, min: least, max: most });
  return {
    ramBytes: limit('HEADWATER_EDGE_RAM_BYTES', 512 * MIB, 1024 ** 4, MIB),
    diskBytes: diskBytes(env, 'HEADWATER_EDGE_DISK_BYTES'),
    objectBytes: limit('HEADWATER_EDGE_MAX_OBJECT_BYTES', 64 * MIB, 2 ** 31, 1024),
    connections: limit('HEADWATER_EDGE_MAX_CONNECTIONS', 20_000, 1_000_000),
    connectionsPerAddress: addressCap(env, 'HEADWATER_MAX_CONNECTIONS_PER_IP', DEFAULT_CONNECTIONS_PER_ADDRESS),
    requestsPerSecondPerAddress: addressCap(
      env,
      'HEADWATER_EDGE_MAX_REQUESTS_PER_SECOND_PER_IP',
      DEFAULT_REQUESTS_PER_SECOND_PER_ADDRESS,
    ),
    adminConnections: limit('HEADWATER_EDGE_MAX_ADMIN_CONNECTIONS', 256, 65_536),
    idleMs: limit('HEADWATER_EDGE_IDLE_MS', 65_000, 3_600_000),
    waiters: limit('HEADWATER_EDGE_MAX_WAITERS', 10_000, 1_000_000),
    fills: limit('HEADWATER_EDGE_MAX_FILLS', 1_000, 100_000),
    prefetches: limit('HEADWATER_EDGE_MAX_PREFETCHES', 500, 100_000, 0),
    fillBytes: limit('HEADWATER_EDGE_MAX_FILL_BYTES', 256 * MIB, 1024 ** 4, 65_536),
    unsentBytes: limit('HEADWATER_EDGE_MAX_UNSENT_BYTES', 256 * MIB, 1024 ** 4, MIB),
    streams: limit('HEADWATER_EDGE_MAX_STREAMS', 1_000, 100_000),
    urlBytes: limit('HEADWATER_EDGE_MAX_URL_BYTES', 4_096, 65_536, 256),
    headerBytes: limit('HEADWATER_EDGE_MAX_HEADER_BYTES', 16_384, 131_072, 1_024),
    deadlineMs: limit('HEADWATER_EDGE_DEADLINE_MS', 6_000, 60_000),
    fillDeadlineMs: limit('HEADWATER_EDGE_FILL_DEADLINE_MS', 15_000, 600_000),
  };
}

function diskBytes(env: Environment, variable: string): number {
  const bytes = integer(env, variable, { fallback: 4 * 1024 * MIB, min: 0, max: 16 * 1024 ** 4 });
  if (bytes > 0 && bytes < LEAST_DISK_BYTES) {
    throw new ConfigError(variable, `must be 0 or at least ${LEAST_DISK_BYTES}, not ${bytes}`);
  }
  return bytes;
}
