/** A Consul of a test's own: a real agent on free ports of loopback, with its data in a directory of its own. */

import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { killChild } from './test-child.ts';
import { freePorts } from './test-ports.ts';

export interface TestConsul extends AsyncDisposable {
  readonly url: string;
  /** where another agent joins */
  readonly serfAddress: string;
  signal(name: NodeJS.Signals): void;
  /** Ends it as a crash would. */
  kill(): Promise<void>;
  /** Starts it again on the same ports; in development mode it has forgotten everything. */
  start(): Promise<void>;
  /** Asks its HTTP API; the token is the one given, or none. */
  ask(
    path: string,
    options?: { readonly method?: string; readonly body?: unknown; readonly token?: string },
  ): Promise<unknown>;
}

interface TestConsulOptions {
  /** a client agent that joins this server */
  readonly join?: TestConsul;
  /** a server that comes back with what it knew, which takes it some seconds */
  readonly durable?: boolean;
  /** deny by default, with this management token */
  readonly masterToken?: string;
}

/** What is not allowed is refused; an agent looks a token up anew, rather than every half minute. */
const CLOSED = { enabled: true, default_policy: 'deny', token_ttl: '100ms', policy_ttl: '100ms' };
const READY_DEADLINE_MS = 15_000;
/** Where `npm test` puts one, where the system has none. */
const FETCHED = join(import.meta.dirname, '../../node_modules/.cache/headwater/bin/consul');
const CONSUL = existsSync(FETCHED) ? FETCHED : 'consul';

/** @throws Error when there is no consul on this machine */
export async function startTestConsul(options: TestConsulOptions = {}): Promise<TestConsul> {
  const directory = await mkdtemp(join(tmpdir(), 'headwater-consul-'));
  const [http = 0, dns = 0, serfLan = 0, serfWan = 0, server = 0, grpc = 0] = await freePorts(6);
  const url = `http://127.0.0.1:${http}`;
  const { masterToken, join: other, durable = false } = options;
  const config = {
    node_name: `node-${http}`,
    bind_addr: '127.0.0.1',
    // Development mode would log each check and service at each heartbeat of any: with 500 nodes half a million lines a second.
    log_level: 'WARN',
    ports: { http, dns, serf_lan: serfLan, serf_wan: serfWan, server, grpc },
    ...(masterToken === undefined ? {} : { acl: { ...CLOSED, tokens: { master: masterToken, agent: masterToken } } }),
    ...(other === undefined ? {} : { retry_join: [other.serfAddress], data_dir: directory }),
    ...(durable ? { server: true, bootstrap_expect: 1, data_dir: directory, performance: { raft_multiplier: 1 } } : {}),
  };
  const file = join(directory, 'agent.json');
  await writeFile(file, JSON.stringify(config));
  const args = ['agent', ...(other === undefined && !durable ? ['-dev'] : []), '-config-file', file];
  let child: ChildProcess | null = null;

  const ask: TestConsul['ask'] = async (path, { method = 'GET', body, token } = {}) => {
    const response = await fetch(`${url}/v1${path}`, {
      method,
      headers: token === undefined ? {} : { 'x-consul-token': token },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(2_000),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === '' ? null : (JSON.parse(text) as unknown);
  };
  async function start(): Promise<void> {
    const started = spawn(CONSUL, args, { stdio: 'ignore' });
    child = started;
    let failure: unknown;
    started.once('error', (error) => (failure = error));
    for (const endMs = performance.now() + READY_DEADLINE_MS; performance.now() < endMs;) {
      if (failure !== undefined)
        throw new Error('consul is needed for this test and did not start', { cause: failure });
      const leader = await ask('/status/leader').catch(() => '');
      if (typeof leader === 'string' && leader !== '') return;
      await delay(50);
    }
    throw new Error('consul did not become ready');
  }
  await start();
  return {
    url,
    serfAddress: `127.0.0.1:${serfLan}`,
    start,
    kill: () => killChild(child),
    ask,
    signal: (name) => void child?.kill(name),
    async [Symbol.asyncDispose]() {
      await killChild(child);
      await rm(directory, { recursive: true, force: true });
    },
  };
}
