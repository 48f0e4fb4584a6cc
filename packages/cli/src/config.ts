/** What the `headwater` command itself takes from the environment; everything else is the services' and is handed on. */

import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Environment, httpUrls, oneOf, port, text } from '@headwater/service/env';

export interface CliConfig {
  readonly controlPort: number;
  readonly geoPort: number;
  readonly originPort: number;
  readonly rtmpPort: number;
  readonly rtmpsPort: number;
  /** of the first edge; the second has the next one */
  readonly edgePort: number;
  /** of the first edge's health and metrics; the second has the next one */
  readonly edgeAdminPort: number;
  readonly dataDir: string;
  /** whether the test picture is published */
  readonly demo: boolean;
  /** the command, for the test picture as for the origin */
  readonly ffmpeg: string;
  readonly adminToken: string | null;
  readonly joinToken: string | null;
  /** a program's, for the operators' commands */
  readonly apiKey: string | null;
  /** where log-ins are kept */
  readonly loginFile: string;
  readonly nodeId: string | null;
  /** where operators' commands go: replicas of one control plane */
  readonly controlUrls: readonly string[];
  /** handed to the services */
  readonly environment: Environment;
}

/** @throws ConfigError naming the variable that does not read as it should */
export function readConfig(env: Environment = process.env): CliConfig {
  const edgePort = port(env, 'HEADWATER_EDGE_PORT', 8080);
  return {
    controlPort: port(env, 'HEADWATER_CONTROL_PORT', 7000),
    geoPort: port(env, 'HEADWATER_GEO_PORT', 7100),
    originPort: port(env, 'HEADWATER_ORIGIN_PORT', 7200),
    rtmpPort: port(env, 'HEADWATER_RTMP_PORT', 1935),
    rtmpsPort: port(env, 'HEADWATER_RTMPS_PORT', 1936),
    edgePort,
    edgeAdminPort: port(env, 'HEADWATER_EDGE_ADMIN_PORT', edgePort + 1000),
    dataDir: resolve(text(env, 'HEADWATER_DATA_DIR', './data')),
    demo: oneOf(env, 'HEADWATER_DEMO', ['0', '1'], '1') === '1',
    ffmpeg: text(env, 'HEADWATER_FFMPEG', 'ffmpeg'),
    adminToken: text(env, 'HEADWATER_ADMIN_TOKEN', undefined) ?? null,
    joinToken: text(env, 'HEADWATER_JOIN_TOKEN', undefined) ?? null,
    apiKey: text(env, 'HEADWATER_API_KEY', undefined) ?? null,
    loginFile: resolve(text(env, 'HEADWATER_LOGIN_FILE', join(homedir(), '.config', 'headwater', 'login.json'))),
    controlUrls: httpUrls(env, 'HEADWATER_CONTROL_URL', ownControlUrl(env)),
    nodeId: text(env, 'HEADWATER_NODE_ID', undefined) ?? null,
    environment: env,
  };
}

/** The one of this machine. */
function ownControlUrl(env: Environment): string {
  return `http://127.0.0.1:${port(env, 'HEADWATER_CONTROL_PORT', 7000)}`;
}
