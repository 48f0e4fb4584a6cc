/** `headwater audit`: who did what, and whether that still stands as it was written. */

import { type Command, InvalidArgumentError } from 'commander';
import { CommandError } from '../command-error.ts';
import type { OperatorApi } from '../operator-api.ts';
import { print } from '../output.ts';
import { formatTable } from '../table.ts';

interface Entry {
  readonly seq: number;
  readonly at: string;
  readonly who: { readonly kind: string; readonly name: string };
  readonly action: string;
  readonly target: string;
  readonly outcome: string;
  readonly address: string | null;
  readonly alert: string | null;
}

interface Verdict {
  readonly entries: number;
  readonly head: { readonly seq: number; readonly hash: string };
  readonly brokenAt: number | null;
}

const LIMIT = 1_000;

export function addAuditCommands(program: Command, connect: () => Promise<OperatorApi>): void {
  const audit = program.command('audit').description('who did what');
  audit
    .command('list', { isDefault: true })
    .description('the newest entries, the newest last')
    .option('--limit <count>', 'so many', parseLimit, 50)
    .option('--alerts', 'of those, only what somebody should look at')
    .option('--json', 'for programs')
    .action(async (options: { limit: number; alerts?: true; json?: boolean }) => {
      const api = await connect();
      const { entries } = await api.ask<{ entries: readonly Entry[] }>('GET', `/v1/audit?limit=${options.limit}`);
      const shown = entries.filter(({ alert }) => options.alerts !== true || alert !== null).toReversed();
      print(shown, options, () => formatEntries(shown));
    });
  audit
    .command('verify')
    .description('whether every entry is what was written')
    .option('--json', 'for programs')
    .action(async (options: { json?: boolean }) => {
      const verdict = await (await connect()).ask<Verdict>('GET', '/v1/audit/verification');
      const { entries, head, brokenAt } = verdict;
      print(verdict, options, () => `${entries} entries are whole; the newest is ${head.seq}, ${head.hash}`);
      if (brokenAt !== null) throw new CommandError(`entry ${brokenAt} is not what was written`);
    });
}

function formatEntries(entries: readonly Entry[]): string {
  const rows = entries.map(({ seq, at, who, action, target, outcome, address, alert }) => {
    const name = who.kind === 'person' || who.kind === 'root' ? who.name : `${who.kind} ${who.name}`;
    return [String(seq), at, name, action, target, outcome, address ?? '-', alert ?? ''];
  });
  return formatTable(['#', 'AT', 'WHO', 'WHAT', 'TARGET', 'OUTCOME', 'FROM', 'ALERT'], rows);
}

function parseLimit(text: string): number {
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > LIMIT) throw new InvalidArgumentError(`wants a number from 1 to ${LIMIT}.`);
  return limit;
}
