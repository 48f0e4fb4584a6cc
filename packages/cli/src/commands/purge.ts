/** `headwater purge`: orders a purge, and waits until every edge has carried it out. */

import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import { CommandError } from '../command-error.ts';
import { parseSeconds } from '../duration.ts';
import type { OperatorApi } from '../operator-api.ts';
import { print } from '../output.ts';

interface Progress {
  readonly id: string;
  readonly acked: number;
  readonly total: number;
  readonly missing: readonly string[];
  readonly ms: number | null;
}

interface PurgeOptions {
  readonly url?: string;
  readonly prefix?: string;
  readonly tag?: string;
  readonly all?: true;
  readonly soft?: true;
  readonly wait: number;
  readonly json?: boolean;
}

const POLL_MS = 50;

export function addPurgeCommand(program: Command, connect: () => Promise<OperatorApi>): void {
  program
    .command('purge')
    .description('make edges forget a URL, a prefix, a tag, or everything')
    .option('--url <url>', 'one object')
    .option('--prefix <prefix>', 'all below')
    .option('--tag <tag>', 'all with this tag, such as stream:NAME')
    .option('--all', 'everything')
    .option('--soft', 'what is stored may be answered with while it is fetched anew')
    .option('--wait <duration>', 'how long to wait for the edges', parseSeconds, 10)
    .option('--json', 'for programs')
    .action(async (options: PurgeOptions) => {
      const { url, prefix, tag, all, soft, wait } = options;
      const what = Object.entries({ url, prefix, tag, all, soft }).filter(([, value]) => value !== undefined);
      const api = await connect();
      const { id } = await api.make<{ id: string }>('/v1/purges', Object.fromEntries(what));
      const progress = await follow(api, id, wait * 1_000);
      print(progress, options, () => describe(progress));
      if (progress.acked < progress.total) throw new CommandError(`not yet: ${progress.missing.join(', ')}`, 75);
    });
}

async function follow(api: OperatorApi, id: string, limitMs: number): Promise<Progress> {
  for (let waitedMs = 0; ; waitedMs += POLL_MS) {
    const progress = await api.ask<Progress>('GET', `/v1/purges/${id}`);
    if (progress.acked >= progress.total || waitedMs >= limitMs) return progress;
    await delay(POLL_MS);
  }
}

function describe({ id, acked, total, ms }: Progress): string {
  return `purge ${id}: ${acked}/${total}${ms === null ? '' : ` in ${ms} ms`}`;
}
