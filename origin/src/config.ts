/** The origin's configuration; the only reader of the environment. */

import { join } from 'node:path';
import { WAIT_LIMIT_MS } from '@headwater/protocol/cmaf-path';
import { type Environment, addressCap, integer, oneOf, port, text } from '@headwater/service/env';
import type { LogLevel } from '@headwater/service/log';
import { type NodeIdentity, readNodeIdentity } from '@headwater/service/node-identity';
import { type TlsFiles, readTlsFiles } from '@headwater/service/tls-files';
import type { LiveLimits } from './live/stream.ts';
import { DEFAULT_RTMP_LIMITS, type RtmpLimits } from './rtmp/rtmp-limits.ts';

export interface OriginConfig extends NodeIdentity {
  readonly httpPort: number;
  readonly rtmpPort: number;
  readonly rtmpsPort: number;
  /** of RTMPS; undefined: a pair of our own is made */
  readonly tlsFiles: TlsFiles | undefined;
  readonly dataDirectory: string;
  readonly stateFile: string;
  readonly ffmpegPath: string;
  readonly logLevel: LogLevel;
  readonly live: LiveLimits;
  /** of all streams' windows together */
  readonly liveBytes: number;
  readonly rtmp: RtmpLimits;
  readonly publish: PublishLimits;
  readonly http: HttpLimits;
}

interface PublishLimits {
  readonly maxStreams: number;
  /** a publisher that returns within this time takes its stream up again */
  readonly graceMs: number;
  /** one silent for so long may be replaced */
  readonly replaceAfterMs: number;
}

export interface HttpLimits {
  readonly maxConnections: number;
  readonly maxHeaderBytes: number;
  readonly slowReaderMs: number;
}

const MIB = 1024 * 1024;

/** @throws ConfigError naming the variable that does not read as it should */
export function readConfig(env: Environment = process.env): OriginConfig {
  const identity = readNodeIdentity(env, 'origin-1');
  const dataDir = text(env, 'HEADWATER_DATA_DIR', './data');
  return {
    ...identity,
    httpPort: port(env, 'HEADWATER_ORIGIN_PORT', 7200),
    rtmpPort: port(env, 'HEADWATER_RTMP_PORT', 1935),
    rtmpsPort: port(env, 'HEADWATER_RTMPS_PORT', 1936),
    tlsFiles: readTlsFiles(env)[0],
    dataDirectory: join(dataDir, identity.nodeId),
    stateFile: join(dataDir, `${identity.nodeId}.json`),
    ffmpegPath: text(env, 'HEADWATER_FFMPEG', 'ffmpeg'),
    logLevel: oneOf(env, 'HEADWATER_LOG_LEVEL', ['debug', 'info', 'warn', 'error'], 'info'),
    ...readLimits(env),
  };
}

function readLimits(env: Environment): Pick<OriginConfig, 'live' | 'liveBytes' | 'rtmp' | 'publish' | 'http'> {
  const limit = (variable: string, fallback: number, most: number, least = 1): number =>
    integer(env, variable, { fallback, min: least, max: most });
  return {
    live: {
      windowSegments: limit('HEADWATER_LIVE_WINDOW_SEGMENTS', 30, 3_600, 6),
      windowBytes: limit('HEADWATER_LIVE_WINDOW_BYTES', 128 * MIB, 1024 ** 4, MIB),
      waiters: limit('HEADWATER_ORIGIN_MAX_WAITERS', 2_000, 1_000_000),
    },
    liveBytes: limit('HEADWATER_LIVE_TOTAL_BYTES', 1024 * MIB, 1024 ** 5, MIB),
    rtmp: {
      maxConnections: limit('HEADWATER_RTMP_MAX_CONNECTIONS', DEFAULT_RTMP_LIMITS.maxConnections, 1_000_000, 0),
      maxConnectionsPerAddress: addressCap(
        env,
        'HEADWATER_MAX_CONNECTIONS_PER_IP',
        DEFAULT_RTMP_LIMITS.maxConnectionsPerAddress.elsewhere,
      ),
      publishDeadlineMs: limit(
        'HEADWATER_RTMP_PUBLISH_DEADLINE_MS',
        DEFAULT_RTMP_LIMITS.publishDeadlineMs,
        60_000,
        100,
      ),
      idleMs: limit('HEADWATER_RTMP_IDLE_MS', DEFAULT_RTMP_LIMITS.idleMs, 600_000, 1_000),
      maxVideoMessageBytes: limit(
        'HEADWATER_RTMP_MAX_FRAME_BYTES',
        DEFAULT_RTMP_LIMITS.maxVideoMessageBytes,
        16 * MIB,
        65_536,
      ),
    },
    publish: {
      maxStreams: limit('HEADWATER_ORIGIN_MAX_STREAMS', 50, 10_000),
      graceMs: limit('HEADWATER_PUBLISH_GRACE_MS', 30_000, 600_000, 1_000),
      replaceAfterMs: limit('HEADWATER_PUBLISH_REPLACE_MS', 3_000, 60_000, 500),
    },
    http: {
      maxConnections: limit('HEADWATER_ORIGIN_MAX_CONNECTIONS', 4_096, 1_000_000),
      maxHeaderBytes: limit('HEADWATER_ORIGIN_MAX_HEADER_BYTES', 16_384, 131_072, 1_024),
      slowReaderMs: limit('HEADWATER_ORIGIN_SLOW_READER_MS', 10_000, 60_000, WAIT_LIMIT_MS + 1_000),
    },
  };
}
