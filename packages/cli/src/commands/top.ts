/** `headwater top`: the fleet, again and again. */

import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import type { OperatorApi } from '../operator-api.ts';
import { print } from '../output.ts';
import { formatNodes, listNodes } from './nodes.ts';

const CLEAR = '\x1b[2J\x1b[H';

export function addTopCommand(program: Command, connect: () => Promise<OperatorApi>, stopped: () => AbortSignal): void {
  program
    .command('top')
    .description('the nodes and their load, every second')
    .option('--once', 'print once and end')
    .option('--json', 'for programs, once')
    .action(async ({ once, ...options }: { once?: boolean; json?: boolean }) => {
      const api = await connect();
      const signal = stopped();
      while (!signal.aborted) {
        const nodes = await listNodes(api);
        const busiest = nodes.toSorted((a, b) => b.load.egressBytesPerSecond - a.load.egressBytesPerSecond);
        const isLast = once === true || options.json === true;
        print(busiest, options, () => `${isLast ? '' : CLEAR}${formatNodes(busiest)}`);
        if (isLast) return;
        await delay(1_000, undefined, { signal }).catch(() => undefined);
      }
    });
}
