/** `headwater edge`: one edge on this machine; `join` lets it into a fleet first. */

import { generateKeyPairSync } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { nodeKeyOf } from '@headwater/protocol/node-credential';
import type { Environment } from '@headwater/service/env';
import { describeNode, readNodeIdentity } from '@headwater/service/node-identity';
import { writeNodeState } from '@headwater/service/node-state-file';
import { type Command, Option } from 'commander';
import { CommandError } from '../command-error.ts';
import { type CliConfig, readConfig } from '../config.ts';
import { edge } from '../edge.ts';
import { OperatorApi } from '../operator-api.ts';

interface JoinOptions {
  readonly token: string;
  readonly id?: string;
  readonly port?: string;
  readonly publicUrl?: string;
  readonly place?: string;
  readonly failureDomain?: string;
}

/** What a joined edge is started with from then on, in its data directory. */
const KEPT_FILE = 'edge.json';

/** The variables that a join fixes. */
type Kept = Readonly<Record<string, string>>;

export function addEdgeCommands(program: Command, config: () => CliConfig, stopped: () => AbortSignal): void {
  const command = program
    .command('edge')
    .description(
      'run one edge: the one that joined from this data directory, or one beside a control plane on this machine',
    )
    .action(async () => {
      process.exitCode = await edge(await withKept(config()), stopped());
    });
  command
    .command('join <url>')
    .description('let this machine into the fleet of the control plane at URL as an edge, and run it')
    .requiredOption('--token <token>', 'a join token: headwater token create')
    .option('--id <id>', 'the name of the node in the fleet')
    .option('--port <port>', 'where viewers reach it')
    .option('--public-url <url>', 'base URL that viewers are sent to')
    .option('--place <latitude,longitude>', 'where it stands')
    .addOption(new Option('--failure-domain <name>', 'nodes that fail together share one'))
    .action(async (url: string, options: JoinOptions) => {
      const joined = await joinFleet(config(), url, options);
      console.log(`joined as ${joined.nodeId ?? ''}; the edge starts`);
      process.exitCode = await edge(joined, stopped());
    });
}

/** Enrols a new key with the token, and keeps what the edge needs to come back by itself. */
async function joinFleet(config: CliConfig, url: string, options: JoinOptions): Promise<CliConfig> {
  const kept = keptOf(config, url, options);
  const env: Environment = { ...config.environment, ...kept };
  const identity = readNodeIdentity(env, '');
  const privateKey = generateKeyPairSync('ed25519').privateKey;
  const publicUrl =
    env['HEADWATER_EDGE_PUBLIC_URL'] ?? `http://${identity.publicHost}:${env['HEADWATER_EDGE_PORT'] ?? ''}`;
  const node = describeNode(identity, { role: 'edge', url: publicUrl.replace(/\/+$/, ''), version: 'joining' });
  // The control plane's word on the token comes before anything is kept.
  const api = new OperatorApi(url.replace(/\/+$/, ''), options.token);
  await api.ask('POST', '/v1/nodes/join', { node, publicKey: nodeKeyOf(privateKey) });
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
  const stateFile = join(config.dataDir, `${identity.nodeId}.json`);
  await writeNodeState(stateFile, { privateKey, isEnrolled: true, page: null });
  await writeFile(join(config.dataDir, KEPT_FILE), `${JSON.stringify(kept, null, 2)}\n`, { mode: 0o600 });
  return readConfig(env);
}

function keptOf(config: CliConfig, url: string, options: JoinOptions): Kept {
  const port = options.port ?? String(config.edgePort);
  const host = hostname()
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]/g, '-')
    .slice(0, 40);
  return {
    HEADWATER_CONTROL_URL: url,
    HEADWATER_EDGE_PORT: port,
    HEADWATER_NODE_ID: options.id ?? config.nodeId ?? `edge-${host}-${port}`,
    ...(options.publicUrl === undefined ? {} : { HEADWATER_EDGE_PUBLIC_URL: options.publicUrl }),
    ...(options.place === undefined ? {} : { HEADWATER_PLACE: options.place }),
    ...(options.failureDomain === undefined ? {} : { HEADWATER_FAILURE_DOMAIN: options.failureDomain }),
  };
}

/** An edge that joined from here before; the environment's own word counts more. */
async function withKept(config: CliConfig): Promise<CliConfig> {
  const file = join(config.dataDir, KEPT_FILE);
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (text === null) return config;
  try {
    // An empty value counts as unset.
    const given = Object.entries(config.environment).filter(([, value]) => value !== '');
    return readConfig({ ...(JSON.parse(text) as Kept), ...Object.fromEntries(given) });
  } catch (error) {
    throw new CommandError(`${file} cannot be used: ${error instanceof Error ? error.message : String(error)}`, 78);
  }
}
