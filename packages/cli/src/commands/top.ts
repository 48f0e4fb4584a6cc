/** `headwater top`: the fleet, again and again. */

import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import type { OperatorApi } from '../operator-api.ts';
import { formatNodes, listNodes } from './nodes.ts';

const CLEAR = '\x1b[2J\x1b[H';

export function addTopCommand(program: Command, connect: () => Promise<OperatorApi>, stopped: () => AbortSignal): void {
  program
    .command('top')
    .description('the nodes and their load, every second')
    .option('--once', 'print once and end')
    .action(async ({ once }: { once?: boolean }) => {
      const api = await connect();
      const signal = stopped();
      while (!signal.aborted) {
        const nodes = await listNodes(api);
        const busiest = nodes.toSorted((a, b) => b.load.egressBytesPerSecond - a.load.egressBytesPerSecond);
        console.log(`${once === true ? '' : CLEAR}${formatNodes(busiest)}`);
        if (once === true) return;
        await delay(1_000, undefined, { signal }).catch(() => undefined);
      }
    });
}
