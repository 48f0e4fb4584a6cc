/** `headwater config`: the fleet's settings by numbered versions. */

import { readFile } from 'node:fs/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { CommandError } from '../command-error.ts';
import type { OperatorApi } from '../operator-api.ts';
import { print, printDone } from '../output.ts';

interface Rolled {
  readonly version: number;
  readonly sharePercent: number;
  readonly diff: readonly { readonly path: string; readonly from: unknown; readonly to: unknown }[];
}

export function addConfigCommands(program: Command, connect: () => Promise<OperatorApi>): void {
  const config = program.command('config').description('settings of the fleet, or of one stream, by versions');
  const pathOf = (scope: string): string => `/v1/configs/${encodeURIComponent(scope)}`;
  config
    .command('get [scope]', { isDefault: true })
    .description('what runs, as JSON; the scope is a stream, or * for all')
    .option('--json', 'for programs')
    .action(async (scope = '*') => print(await (await connect()).ask('GET', pathOf(scope)), { json: true }, () => ''));
  config
    .command('set <file> [scope]')
    .description('make a version from a JSON file, and give it to a share of the nodes first')
    .option('--share <percent>', 'of the nodes; 100: all at once', parsePercent, 10)
    .option('--json', 'for programs')
    .action(async (file: string, scope: string | undefined, options: { share: number; json?: boolean }) => {
      const body = { scope: scope ?? '*', settings: await readJson(file), sharePercent: options.share };
      const rolled = await (await connect()).make<Rolled>('/v1/configs', body);
      print(rolled, options, () => describe(rolled));
    });
  config
    .command('promote [scope]')
    .description('give the canary to all nodes')
    .option('--json', 'for programs')
    .action(async (scope: string | undefined, options: { json?: boolean }) => {
      printDone(await (await connect()).ask('POST', `${pathOf(scope ?? '*')}/promote`), options);
    });
  config
    .command('rollback [scope]')
    .description('take the canary back, or go to an earlier version')
    .option('--to <version>', 'the version; 0: the defaults', parseVersion)
    .option('--json', 'for programs')
    .action(async (scope: string | undefined, { to, ...options }: { to?: number; json?: boolean }) => {
      const body = to === undefined ? {} : { version: to };
      printDone(await (await connect()).ask('POST', `${pathOf(scope ?? '*')}/rollback`, body), options);
    });
}

function describe({ version, sharePercent, diff }: Rolled): string {
  const lines = diff.map(({ path, from, to }) => `  ${path}: ${JSON.stringify(from)} → ${JSON.stringify(to)}`);
  return [`version ${version} for ${sharePercent}% of the nodes`, ...lines].join('\n');
}

function parseVersion(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('wants the number of a version.');
  return Number(text);
}

function parsePercent(text: string): number {
  const value = Number(text);
  if (!(value >= 1 && value <= 100)) throw new InvalidArgumentError('wants a number from 1 to 100.');
  return value;
}

async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as unknown;
  } catch (error) {
    throw new CommandError(
      `${file} cannot be read as JSON: ${error instanceof Error ? error.message : String(error)}`,
      66,
    );
  }
}
