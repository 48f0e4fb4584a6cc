/** Many simulated nodes, in a process of their own: see `simulated-nodes-process.ts`. */

import { join } from 'node:path';
import { Child } from './child.ts';
import { childEnvironment } from './config.ts';
import { until } from './until.ts';

/** Running nodes. */
export interface SimulatedNodes extends AsyncDisposable {
  readonly child: Child;
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

/** Starts nodes `simulated-0`, `simulated-1`, …, edges all of them. */
export async function startSimulatedNodes(options: SimulatedNodesOptions): Promise<SimulatedNodes> {
  const { controlUrl, joinToken, count, directory } = options;
  const main = join(import.meta.dirname, 'simulated-nodes-process.ts');
  const args = ['--disable-warning=ExperimentalWarning', main, controlUrl, joinToken, String(count), directory];
  const env = childEnvironment();
  const child = new Child({ name: 'simulated nodes', command: process.execPath, args, env });
  const [, port = ''] = await child.says(/listening on (\d+)/, 10_000);
  const read = async <T>(path: string): Promise<T> => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(5_000) });
    return (await answer.json()) as T;
  };
  return {
    child,
    count,
    heard: (what) => read<readonly number[]>(`/heard?what=${encodeURIComponent(what)}`),
    async settled(fleetSize, deadlineMs) {
      let last: unknown;
      await until(`${count} nodes to know ${fleetSize}`, deadlineMs, async () => {
        const { connected, leastKnown } = await read<{ connected: number; leastKnown: number }>('/status');
        last = { connected, leastKnown };
        return connected === count && leastKnown === fleetSize;
      }).catch((cause: unknown) => {
        throw new Error(`the simulated nodes stand at ${JSON.stringify(last)}\n${child.output.slice(-2_000)}`, {
          cause,
        });
      });
    },
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}
