/** Many simulated nodes, in processes of their own: see `simulated-nodes-process.ts`. */

import { join } from 'node:path';
import { Child } from './child.ts';
import { childEnvironment } from './config.ts';
import { until } from './until.ts';

/** Running nodes. */
export interface SimulatedNodes extends AsyncDisposable {
  readonly count: number;
  /** Waits until all have joined, are heard, and know a fleet of so many. */
  settled(fleetSize: number, deadlineMs: number): Promise<void>;
  /** Unix times in ms at which nodes heard something, one for each that has; `drain NODE` or `purge ID` */
  heard(what: string): Promise<readonly number[]>;
}

interface SimulatedNodesOptions {
  readonly controlUrl: string;
  readonly joinToken: string;
  readonly count: number;
  readonly directory: string;
}

interface Status {
  readonly connected: number;
  readonly leastKnown: number;
}

/** What one process collects as garbage, every node in it waits for, as no node in life does for another. */
const NODES_PER_PROCESS = 100;

/** Starts nodes `simulated-0`, `simulated-1`, …, edges all of them. */
export async function startSimulatedNodes(options: SimulatedNodesOptions): Promise<SimulatedNodes> {
  const { count } = options;
  await using starting = new AsyncDisposableStack();
  const processes: SimulatingProcess[] = [];
  for (let first = 0; first < count; first += NODES_PER_PROCESS) {
    const nodes = Math.min(NODES_PER_PROCESS, count - first);
    processes.push(starting.use(await SimulatingProcess.start(options, first, nodes)));
  }
  const cleanup = starting.move();
  return {
    count,
    heard: async (what) => {
      const path = `/heard?what=${encodeURIComponent(what)}`;
      return (await Promise.all(processes.map((each) => each.read<readonly number[]>(path)))).flat();
    },
    async settled(fleetSize, deadlineMs) {
      let last: readonly Status[] = [];
      await until(`${count} nodes to know ${fleetSize}`, deadlineMs, async () => {
        last = await Promise.all(processes.map((each) => each.read<Status>('/status')));
        const connected = last.reduce((sum, each) => sum + each.connected, 0);
        return connected === count && last.every(({ leastKnown }) => leastKnown === fleetSize);
      }).catch((cause: unknown) => {
        const said = processes.map(({ output }) => output.slice(-500)).join('\n');
        throw new Error(`the simulated nodes stand at ${JSON.stringify(last)}\n${said}`, { cause });
      });
    },
    [Symbol.asyncDispose]: () => cleanup.disposeAsync(),
  };
}

class SimulatingProcess implements AsyncDisposable {
  readonly #child: Child;
  readonly #url: string;

  private constructor(child: Child, url: string) {
    this.#child = child;
    this.#url = url;
  }

  static async start(options: SimulatedNodesOptions, first: number, count: number): Promise<SimulatingProcess> {
    const { controlUrl, joinToken, directory } = options;
    const main = join(import.meta.dirname, 'simulated-nodes-process.ts');
    const numbers = [String(first), String(count)];
    const args = ['--disable-warning=ExperimentalWarning', main, controlUrl, joinToken, ...numbers, directory];
    const name = `simulated nodes from ${first}`;
    const child = new Child({ name, command: process.execPath, args, env: childEnvironment() });
    const [, port = ''] = await child.says(/listening on (\d+)/, 10_000);
    return new SimulatingProcess(child, `http://127.0.0.1:${port}`);
  }

  get output(): string {
    return this.#child.output;
  }

  async read<T>(path: string): Promise<T> {
    const answer = await fetch(this.#url + path, { signal: AbortSignal.timeout(5_000) });
    return (await answer.json()) as T;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#child[Symbol.asyncDispose]();
  }
}
