/** `headwater streams`: make, list and delete streams. */

import { type Command, Option } from 'commander';
import type { OperatorApi } from '../operator-api.ts';
import { print, printDone } from '../output.ts';
import { formatTable } from '../table.ts';

interface Stream {
  readonly stream: string;
  readonly policy: string;
  readonly origin: string | null;
  readonly onAir: boolean;
}

export function addStreamCommands(program: Command, connect: () => Promise<OperatorApi>): void {
  const streams = program.command('streams').description('streams and their publish URLs');
  streams
    .command('list', { isDefault: true })
    .description('every stream')
    .option('--json', 'for programs')
    .action(async (options: { json?: boolean }) => {
      const listed = await (await connect()).list<Stream>('/v1/streams', 'streams');
      print(listed, options, () => {
        const rows = listed.map((one) => [one.stream, one.policy, one.onAir ? 'on air' : '-', one.origin ?? '-']);
        return formatTable(['STREAM', 'POLICY', 'STATE', 'ORIGIN'], rows);
      });
    });
  streams
    .command('create <name>')
    .description('make a stream; prints where to publish it')
    .addOption(new Option('--policy <policy>', 'who may watch').choices(['token', 'public']).default('token'))
    .option('--json', 'for programs')
    .action(async (name: string, options: { policy: string; json?: boolean }) => {
      const api = await connect();
      const made = await api.make<{ publishUrl: string }>('/v1/streams', { name, policy: options.policy });
      print(made, options, () => made.publishUrl);
    });
  streams
    .command('show <name>')
    .description('one stream, with its key; always as JSON')
    .option('--json', 'for programs')
    .action(async (name: string) => {
      print(await (await connect()).ask('GET', `/v1/streams/${encodeURIComponent(name)}`), { json: true }, () => '');
    });
  streams
    .command('delete <name>')
    .description('delete a stream')
    .option('--json', 'for programs')
    .action(async (name: string, options: { json?: boolean }) => {
      printDone(await (await connect()).ask('DELETE', `/v1/streams/${encodeURIComponent(name)}`), options);
    });
}
