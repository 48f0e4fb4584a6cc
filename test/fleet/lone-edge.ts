/** One edge process before an origin of the test's own, which no fleet knows: a pull zone of its own file is all that it has. */

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeEnvironment, nodeProcess } from '@headwater/cli/src/fleet-plan.ts';
import { Child } from './child.ts';
import { childEnvironment } from './config.ts';
import { ROOT } from './fleet.ts';
import { reservePorts } from './ports.ts';
import { until } from './until.ts';

const START_DEADLINE_MS = 30_000;
const RESTART_DEADLINE_MS = 60_000;

interface LoneEdgeOptions {
  readonly originUrl: string;
  readonly workers: number;
  readonly environment?: Readonly<Record<string, string>>;
}

export async function startLoneEdge(options: LoneEdgeOptions): Promise<LoneEdge> {
  const directory = await mkdtemp(join(tmpdir(), 'headwater-edge-'));
  const [port = 0, adminPort = 0] = await reservePorts(2);
  const zonesFile = join(directory, 'zones.json');
  const zone = { name: 'site', hosts: ['*'], pathPrefix: '/', origins: [options.originUrl], policy: 'public' };
  await writeFile(zonesFile, JSON.stringify([zone]));
  const env = childEnvironment({
    ...nodeEnvironment('edge'),
    HEADWATER_CONTROL_URL: 'http://127.0.0.1:9',
    HEADWATER_DATA_DIR: directory,
    HEADWATER_EDGE_PORT: String(port),
    HEADWATER_EDGE_ADMIN_PORT: String(adminPort),
    HEADWATER_EDGE_WORKERS: String(options.workers),
    HEADWATER_ZONES_FILE: zonesFile,
    ...options.environment,
  });
  const child = new Child({ name: 'edge', ...nodeProcess('edge'), env });
  const edge = new LoneEdge({ child, port, adminPort, directory, zonesFile });
  try {
    await until('the edge to be ready', START_DEADLINE_MS, async () => {
      if (child.exit !== undefined) throw new Error(child.output);
      return (await fetch(`${edge.adminUrl}/readyz`)).ok;
    });
  } catch (error) {
    await edge[Symbol.asyncDispose]();
    throw error;
  }
  return edge;
}

interface Parts {
  readonly child: Child;
  readonly port: number;
  readonly adminPort: number;
  readonly directory: string;
  readonly zonesFile: string;
}

export class LoneEdge implements AsyncDisposable {
  readonly child: Child;
  readonly port: number;
  readonly adminUrl: string;
  readonly directory: string;
  readonly zonesFile: string;

  constructor({ child, port, adminPort, directory, zonesFile }: Parts) {
    this.child = child;
    this.port = port;
    this.adminUrl = `http://127.0.0.1:${adminPort}`;
    this.directory = directory;
    this.zonesFile = zonesFile;
  }

  /** Signals it, and comes back when a new generation serves. */
  async restart(): Promise<void> {
    const before = this.said('restart_done');
    this.child.signal('SIGHUP');
    await this.untilSaid('restart_done', before + 1);
  }

  /** How often it has written an event to its log. */
  said(event: string): number {
    return this.child.output.split(`"event":"${event}"`).length - 1;
  }

  async untilSaid(event: string, times: number): Promise<void> {
    await until(`${times} times ${event}: ${this.child.output}`, RESTART_DEADLINE_MS, () => {
      if (this.child.exit !== undefined) throw new Error(`it ended: ${this.child.output}`);
      return this.said(event) >= times;
    });
  }

  /** The process ids of it and all that it has started. */
  async processes(pid = this.child.pid): Promise<number[]> {
    const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
    const below = await Promise.all(
      children
        .split(' ')
        .filter(Boolean)
        .map((child) => this.processes(Number(child))),
    );
    return [pid, ...below.flat()];
  }

  /** Runs the `headwater` command over its data directory. */
  async command(...args: readonly string[]): Promise<{ code: number | null; output: string }> {
    const env = childEnvironment({ HEADWATER_DATA_DIR: this.directory });
    const main = join(ROOT, 'packages/cli/src/main.ts');
    const flags = ['--disable-warning=ExperimentalWarning'];
    await using child = new Child({
      name: 'headwater',
      command: process.execPath,
      args: [...flags, main, ...args],
      env,
    });
    const { code } = await child.exited;
    return { code, output: child.output };
  }

  async metric(series: string): Promise<number> {
    const text = await (await fetch(`${this.adminUrl}/metrics`)).text();
    const lines = text.split('\n').filter((line) => line.startsWith(series));
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.child[Symbol.asyncDispose]();
    await rm(this.directory, { recursive: true, force: true });
  }
}
