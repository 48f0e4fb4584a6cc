/** The processes of `headwater up`: what each is started with. */

import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { CliConfig } from './config.ts';
import type { ProcessPlan } from './supervised.ts';

/** A service of ours. */
export interface ServicePlan extends ProcessPlan {
  /** answers 200 once the service can do its work */
  readonly readyUrl: string;
}

const ROOT = join(import.meta.dirname, '../../..');
/** From its second start on a service has its types stripped already: it starts in 0.4 s instead of 1.3, 28 MB smaller. */
const COMPILE_CACHE = join(ROOT, 'node_modules/.cache/headwater');

/** Two edges of one machine share its cores, with all else that runs on them. */
const EDGE_WORKERS = String(Math.max(1, Math.floor(availableParallelism() / 2)));

/** Every service, the control plane first: the others join it, and need not be told twice if it is there already. */
export function planFleet(config: CliConfig, joinToken: string): ServicePlan[] {
  const { controlPort, geoPort, originPort, edgePort, edgeAdminPort } = config;
  const shared = {
    HEADWATER_DATA_DIR: config.dataDir,
    HEADWATER_CONTROL_URL: `http://127.0.0.1:${controlPort}`,
    HEADWATER_JOIN_TOKEN: joinToken,
  };
  const service = (name: string, port: number, variables: Record<string, string>): ServicePlan => {
    const workspace = name.replace(/-\d$/, '');
    const env = {
      HEADWATER_EDGE_WORKERS: EDGE_WORKERS,
      ...config.environment,
      ...nodeEnvironment(workspace),
      ...shared,
      ...variables,
    };
    return { name, ...nodeProcess(workspace), env, readyUrl: `http://127.0.0.1:${port}/readyz` };
  };
  const edge = (index: number): ServicePlan =>
    service(`edge-${index + 1}`, edgePort + index, {
      HEADWATER_NODE_ID: `edge-${index + 1}`,
      HEADWATER_EDGE_PORT: String(edgePort + index),
      HEADWATER_EDGE_ADMIN_PORT: String(edgeAdminPort + index),
    });
  return [
    service('control-plane', controlPort, {}),
    service('geo', geoPort, { HEADWATER_NODE_ID: 'geo-1' }),
    service('origin', originPort, { HEADWATER_NODE_ID: 'origin-1' }),
    edge(0),
    edge(1),
  ];
}

/** What a workspace's process is started with besides its own variables. */
export function nodeEnvironment(workspace: string): Record<string, string> {
  const shared = { NODE_COMPILE_CACHE: COMPILE_CACHE };
  // Hostile publishers by the hundred thousand leave malloc's many arenas in pieces: 24 MiB that one arena does not take.
  return workspace === 'origin' ? { ...shared, MALLOC_ARENA_MAX: '1' } : shared;
}

/** How a workspace's service is started: by the Node that runs this, from its source unless told otherwise. */
export function nodeProcess(workspace: string, entry = 'src/main.ts'): { command: string; args: string[] } {
  // Stripping types and SQLite are experiments to Node 24, and would say so in every log.
  const flags = ['--disable-warning=ExperimentalWarning'];
  // undici's HTTP parser is WebAssembly: optimizing it takes 10 MB of each process for microseconds a response.
  flags.push('--liftoff-only');
  return { command: process.execPath, args: [...flags, join(ROOT, workspace, entry)] };
}
