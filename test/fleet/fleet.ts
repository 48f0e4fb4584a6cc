/** The whole fleet for a test: every service a real process on a free port, with a data directory of its own. */

import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { nodeEnvironment, nodeProcess } from '@headwater/cli/src/fleet-plan.ts';
import type { Ladder } from '@headwater/protocol/feed';
import { Child } from './child.ts';
import { childEnvironment } from './config.ts';
import { ControlApi, type CreatedStream } from './control-api.ts';
import { planFleet, type FleetPlan, type ServicePlan } from './fleet-plan.ts';
import { publish, publishTestPicture } from './publisher.ts';
import { until } from './until.ts';
import { admit, type Viewer } from './viewer.ts';

/** The repository's root. */
export const ROOT = resolve(import.meta.dirname, '../..');

const READY_DEADLINE_MS = 20_000;
const ON_AIR_DEADLINE_MS = 20_000;

/** Two rungs that two cores encode next to a browser. */
export const SMALL_LADDER: Ladder = {
  rungs: [
    { height: 360, bitsPerSecond: 900_000 },
    { height: 240, bitsPerSecond: 400_000 },
  ],
  audioBitsPerSecond: 128_000,
};

interface FleetOptions {
  readonly edges?: number;
  /** `origin`, `origin-2`, … */
  readonly origins?: number;
  /** services that are not wanted, by name */
  readonly without?: readonly string[];
  /** changes how a service is to be run, once its ports are known */
  readonly arrange?: (service: ServicePlan) => ServicePlan;
  /** run the edges from what `npm run build` makes, as they are deployed; the other services from source */
  readonly builtEdges?: boolean;
  /** on top of what the harness sets, for every service */
  readonly environment?: Readonly<Record<string, string>>;
}

/** A stream that is on air. */
export interface OnAir extends CreatedStream {
  readonly publisher: Child;
  readonly viewer: Viewer;
}

interface OnAirOptions {
  readonly policy?: 'token' | 'public';
  readonly ladder?: Ladder;
  /** ffmpeg arguments for a source other than the test picture */
  readonly source?: (publishUrl: string) => readonly string[];
}

/** Starts control plane, geo, origin and edges, and waits until all of them know each other. */
export async function startFleet(options: FleetOptions = {}): Promise<Fleet> {
  const { edges = 2, origins = 1, without = [], environment = {}, builtEdges = false, arrange = asPlanned } = options;
  if (builtEdges) build('edge');
  const directory = await mkdtemp(join(tmpdir(), 'headwater-test-'));
  const adminToken = randomBytes(16).toString('hex');
  const drafted = await planFleet({ edges, origins, without, directory, adminToken });
  const services = drafted.services.map(arrange);
  const edgeUrls = services.filter(({ workspace }) => workspace === 'edge').map(({ url }) => url);
  const plan = { ...drafted, services, edgeUrls };
  const fleet = new Fleet({ plan, directory, adminToken, environment, builtEdges });
  try {
    await fleet.start();
  } catch (cause) {
    await fleet[Symbol.asyncDispose]();
    throw new Error(`the fleet did not start\n${fleet.told()}`, { cause });
  }
  return fleet;
}

function asPlanned(service: ServicePlan): ServicePlan {
  return service;
}

interface FleetParts {
  readonly plan: FleetPlan;
  readonly directory: string;
  readonly adminToken: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly builtEdges: boolean;
}

function build(workspace: string): void {
  const cwd = join(ROOT, workspace);
  execFileSync(process.execPath, [join(ROOT, 'deploy/build.ts')], { cwd, env: childEnvironment() });
}

/** A running fleet. Disposing ends every process and removes its data. */
export class Fleet implements AsyncDisposable {
  readonly plan: FleetPlan;
  readonly adminToken: string;
  readonly api: ControlApi;
  /** by node id: `control-plane`, `geo`, `origin`, `edge-1`, `edge-2` */
  readonly services = new Map<string, Child>();
  readonly #directory: string;
  readonly #environment: Readonly<Record<string, string>>;
  readonly #builtEdges: boolean;
  readonly #publishers: Child[] = [];

  constructor({ plan, directory, adminToken, environment, builtEdges }: FleetParts) {
    this.plan = plan;
    this.adminToken = adminToken;
    this.api = new ControlApi(plan.controlUrl, adminToken);
    this.#directory = directory;
    this.#environment = environment;
    this.#builtEdges = builtEdges;
  }

  async start(): Promise<void> {
    for (const service of this.plan.services) this.#spawn(service);
    await Promise.all(this.plan.services.map((service) => this.#ready(service)));
    await until('every node to be healthy', READY_DEADLINE_MS, async () => {
      const healthy = (await this.api.nodes()).filter((node) => node.healthy).map((node) => node.id);
      return this.plan.services.every(({ name }) => name === 'control-plane' || healthy.includes(name));
    });
  }

  /** Ends a service as a crash would, and starts it again with what it had. */
  async restart(name: string): Promise<void> {
    const service = this.plan.services.find((candidate) => candidate.name === name);
    if (service === undefined) throw new Error(`there is no ${name}`);
    await this.services.get(name)?.kill();
    this.#spawn(service);
    await this.#ready(service);
  }

  /** Creates a stream on the small ladder, publishes to it, and waits until the first edge can play it. */
  async putOnAir(name: string, options: OnAirOptions = {}): Promise<OnAir> {
    const { policy = 'token', ladder = SMALL_LADDER, source } = options;
    const stream = await this.api.createStream({ name, policy, ladder });
    const publisher = source === undefined ? publishTestPicture(stream.publishUrl) : publish(source(stream.publishUrl));
    this.#publishers.push(publisher);
    const viewer = await this.admit(name);
    await until(`${name} on the first edge`, ON_AIR_DEADLINE_MS, () => {
      if (publisher.exit !== undefined) throw new Error(`the publisher ended:\n${publisher.output}`);
      return hasSegment(`${this.plan.edgeUrls[0]}${viewer.path}/`);
    }).catch((cause: unknown) => {
      throw new Error(`${name} did not come on air\n${publisher.output}\n${this.told()}`, { cause });
    });
    return { ...stream, publisher, viewer };
  }

  /** Mints a session token and goes through the door with it. */
  admit(stream: string, ttlSeconds = 3_600): Promise<Viewer> {
    return until(`the door to let a viewer of ${stream} in`, READY_DEADLINE_MS, () =>
      admit(this.api, stream, ttlSeconds),
    );
  }

  /** The newest lines of every service, for the message of a failure. */
  told(): string {
    return [...this.services].map(([name, child]) => `--- ${name}\n${child.output.slice(-2_000)}`).join('\n');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const children = [...this.#publishers, ...this.services.values()];
    await Promise.all(children.map((child) => child[Symbol.asyncDispose]()));
    await rm(this.#directory, { recursive: true, force: true });
  }

  #spawn({ name, workspace, variables, prefix = [] }: ServicePlan): void {
    const env = childEnvironment({ ...nodeEnvironment(workspace), ...variables, ...this.#environment });
    const built = this.#builtEdges && workspace === 'edge';
    const node = nodeProcess(workspace, built ? 'dist/main.js' : 'src/main.ts');
    const [command = node.command, ...args] = [...prefix, node.command, ...node.args];
    this.services.set(name, new Child({ name, command, args, env }));
  }

  async #ready({ name, url }: ServicePlan): Promise<void> {
    const answers = until(`${name} to be ready`, READY_DEADLINE_MS, async () => {
      const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(1_000) });
      await response.arrayBuffer();
      return response.ok;
    });
    const ends = this.services.get(name)?.exited.then(({ code }) => {
      throw new Error(`${name} ended with code ${code} at its start`);
    });
    await Promise.race([answers, ends]);
  }
}

async function hasSegment(base: string): Promise<boolean> {
  const master = await fetchText(new URL('classic.m3u8', base));
  const rung = master.split('\n').find((line) => line !== '' && !line.startsWith('#'));
  return rung !== undefined && (await fetchText(new URL(rung, base))).includes('#EXTINF');
}

async function fetchText(url: URL): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(6_000) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${url.pathname}: ${response.status} ${text}`);
  return text;
}
