/** This machine becomes a node of a fleet: its key is let in by a join token, and what it is started with is kept. */

import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { connect, isIPv6 } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { JoinRequest, NodeDescription } from '@headwater/protocol/node';
import { nodeKeyOf, signNodeProof } from '@headwater/protocol/node-credential';
import { systemClock } from '@headwater/service/clock';
import { httpUrls } from '@headwater/service/env';
import { describeNode, readNodeIdentity } from '@headwater/service/node-identity';
import { type NodeState, readNodeState, writeNodeState } from '@headwater/service/node-state-file';
import { CommandError } from './command-error.ts';
import { type CliConfig, readConfig } from './config.ts';
import type { LoneRole } from './one-node.ts';
import { EX_UNAVAILABLE, OperatorApi, fixedBearer } from './operator-api.ts';

/** The variables that a join fixes. */
type Fixed = Readonly<Record<string, string>>;

/** What the commands of all roles ask. */
export interface JoinOptions {
  readonly token: string;
  readonly id?: string;
  readonly port?: string;
  readonly publicHost?: string;
  readonly place?: string;
  readonly failureDomain?: string;
}

export interface Join {
  readonly role: LoneRole;
  /** of the control plane; several replicas by commas */
  readonly urls: string;
  readonly options: JoinOptions;
  /** of the role alone */
  readonly fixed: Fixed;
}

const CONNECT_DEADLINE_MS = 5_000;

/**
 * Joins.
 * @returns what the node is started with
 * @throws CommandError when the control plane does not answer, or refuses
 */
export async function joinFleet(config: CliConfig, { role, urls, options, fixed }: Join): Promise<CliConfig> {
  const replicas = httpUrls({ HEADWATER_CONTROL_URL: urls }, 'HEADWATER_CONTROL_URL', '');
  const kept: Fixed = { ...(await fixedOf(config, role, { ...options, replicas })), ...fixed };
  const joined = readConfig({ ...config.environment, ...kept });
  const node = describe(role, joined);
  const stateFile = join(config.dataDir, `${node.id}.json`);
  if (stateFile === keptFile(config, role)) {
    throw new CommandError(
      `a node that joins cannot be called ${node.id}, as a file of it is: choose another --id`,
      64,
    );
  }
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
  const state = await stateOf(stateFile);
  const proof = signNodeProof(node.id, systemClock.nowMs(), state.privateKey);
  const request: JoinRequest = { node, publicKey: nodeKeyOf(state.privateKey), proof };
  await firstOf(replicas, (url) =>
    new OperatorApi([url], fixedBearer(options.token))
      .ask('POST', '/v1/nodes/join', request)
      .catch((error: unknown) => {
        throw explained(error, role);
      }),
  );
  await writeNodeState(stateFile, { ...state, isEnrolled: true, page: null });
  await writeFile(keptFile(config, role), `${JSON.stringify(kept, null, 2)}\n`, { mode: 0o600 });
  return joined;
}

/** What is wrong with a join token, for the person who typed it. */
function explained(error: unknown, role: LoneRole): unknown {
  if (!(error instanceof CommandError) || error.code === undefined) return error;
  const told = TOKEN_TROUBLE.get(error.code);
  if (told === undefined) return error;
  const remedy = `make one on the operator's machine: headwater token create --role ${role}`;
  return new CommandError(`${told}; ${remedy} (${error.code})`, error.exitCode, error.code);
}

const TOKEN_TROUBLE: ReadonlyMap<string, string> = new Map([
  ['unauthorized', 'the join token is not valid'],
  ['join_token_unknown', 'the join token is not valid: nobody made it, or it was taken back'],
  ['join_token_expired', 'the join token has expired'],
  ['join_token_used', 'the join token has let another node in already'],
  ['join_token_role', 'the join token is for a node of another role'],
]);

/** A node that joined from here before; the environment's own word counts more. */
export async function withKept(config: CliConfig, role: LoneRole): Promise<CliConfig> {
  const file = keptFile(config, role);
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (text === null) return config;
  try {
    // An empty value counts as unset.
    const given = Object.entries(config.environment).filter(([, value]) => value !== '');
    return readConfig({ ...(JSON.parse(text) as Fixed), ...Object.fromEntries(given) });
  } catch (error) {
    throw new CommandError(`${file} cannot be used: ${error instanceof Error ? error.message : String(error)}`, 78);
  }
}

function keptFile({ dataDir }: CliConfig, role: LoneRole): string {
  return join(dataDir, `${role}.json`);
}

async function fixedOf(
  config: CliConfig,
  role: LoneRole,
  { id, port, publicHost, place, failureDomain, replicas }: JoinOptions & { readonly replicas: readonly string[] },
): Promise<Fixed> {
  const own = port ?? String(role === 'edge' ? config.edgePort : config.originPort);
  const host = hostname()
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]/g, '-')
    .slice(0, 40);
  return {
    HEADWATER_CONTROL_URL: replicas.join(','),
    [role === 'edge' ? 'HEADWATER_EDGE_PORT' : 'HEADWATER_ORIGIN_PORT']: own,
    HEADWATER_NODE_ID: id ?? config.nodeId ?? `${role}-${host}-${own}`,
    HEADWATER_PUBLIC_HOST:
      publicHost ?? config.environment['HEADWATER_PUBLIC_HOST'] ?? (await firstOf(replicas, addressTowards)),
    ...(place === undefined ? {} : { HEADWATER_PLACE: place }),
    ...(failureDomain === undefined ? {} : { HEADWATER_FAILURE_DOMAIN: failureDomain }),
  };
}

/** The address by which this machine reaches a server, under which that can reach it, too, unless something translates. */
async function addressTowards(url: string): Promise<string> {
  const { hostname: host, port, protocol } = new URL(url);
  const socket = connect({
    host: host.replaceAll(/[[\]]/g, ''),
    port: Number(port === '' ? (protocol === 'https:' ? 443 : 80) : port),
    signal: AbortSignal.timeout(CONNECT_DEADLINE_MS),
  });
  try {
    await once(socket, 'connect');
    const address = socket.localAddress ?? '127.0.0.1';
    return isIPv6(address) ? `[${address}]` : address;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CommandError(`the control plane at ${url} does not answer: ${reason}`, EX_UNAVAILABLE);
  } finally {
    socket.destroy();
  }
}

function describe(role: LoneRole, { environment, edgePort, originPort, rtmpPort }: CliConfig): NodeDescription {
  const identity = readNodeIdentity(environment, '');
  const { publicHost } = identity;
  if (role === 'origin') {
    const rtmpUrl = `rtmp://${publicHost}:${rtmpPort}`;
    return describeNode(identity, { role, url: `http://${publicHost}:${originPort}`, rtmpUrl, version: 'joining' });
  }
  const url = environment['HEADWATER_EDGE_PUBLIC_URL'] ?? `http://${publicHost}:${edgePort}`;
  return describeNode(identity, { role, url: url.replace(/\/+$/, ''), version: 'joining' });
}

/** The key is kept before a token is used up for it: when the answer is lost, the same command joins. */
async function stateOf(stateFile: string): Promise<NodeState> {
  const known = await readNodeState(stateFile).catch((error: unknown) => {
    throw new CommandError(
      `${stateFile} cannot be used: ${error instanceof Error ? error.message : String(error)}`,
      78,
    );
  });
  if (known !== null) return known;
  const state = { privateKey: generateKeyPairSync('ed25519').privateKey, isEnrolled: false, page: null };
  await writeNodeState(stateFile, state);
  return state;
}

/** The first replica that answers has the say. */
async function firstOf<T>(replicas: readonly string[], ask: (url: string) => Promise<T>): Promise<T> {
  const [first = '', ...others] = replicas;
  try {
    return await ask(first);
  } catch (error) {
    const isAway = error instanceof CommandError && error.exitCode === EX_UNAVAILABLE;
    if (!isAway || others.length === 0) throw error;
    return firstOf(others, ask);
  }
}
