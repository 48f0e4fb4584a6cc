/** `headwater keys`: API keys of programs. */

import type { Command } from 'commander';
import { parseSeconds } from '../duration.ts';
import type { OperatorApi } from '../operator-api.ts';
import { print, printDone } from '../output.ts';
import { formatTable } from '../table.ts';
import { roleOption, scopeOf } from './users.ts';

interface ApiKey {
  readonly id: string;
  readonly label: string;
  readonly role: string;
  readonly streams: readonly string[] | null;
  readonly sensitive: boolean;
  readonly createdBy: string;
  readonly expiresAt: string | null;
  readonly usedAt: string | null;
}

interface CreateOptions {
  readonly role: string;
  readonly streams?: string;
  readonly ttl?: number;
  readonly sensitive?: true;
  readonly json?: boolean;
}

export function addKeyCommands(program: Command, connect: () => Promise<OperatorApi>): void {
  const keys = program.command('keys').description('API keys of programs, for HEADWATER_API_KEY or as a bearer');
  keys
    .command('list', { isDefault: true })
    .description('every key, without its secret')
    .option('--json', 'for programs')
    .action(async (options: { json?: boolean }) => {
      const listed = await (await connect()).list<ApiKey>('/v1/api-keys', 'apiKeys');
      print(listed, options, () => formatKeys(listed));
    });
  keys
    .command('create <label>')
    .description('make a key; it is printed here and never again')
    .addOption(roleOption().makeOptionMandatory())
    .option('--streams <names>', 'of a publisher or viewer-issuer: which streams, by commas, such as show,sports-*')
    .option('--ttl <duration>', 'how long it is good for; without it, until it is deleted', parseSeconds)
    .option('--sensitive', 'it may do what people show the second factor again for')
    .option('--json', 'for programs')
    .action(async (label: string, { role, streams, ttl, sensitive, json }: CreateOptions) => {
      const order = { label, role, streams: scopeOf(streams), sensitive: sensitive === true, ttlSeconds: ttl ?? null };
      const made = await (await connect()).make<ApiKey & { key: string }>('/v1/api-keys', order);
      print(made, { json: json === true }, () => made.key);
    });
  keys
    .command('delete <id>')
    .description('end a key')
    .option('--json', 'for programs')
    .action(async (id: string, options: { json?: boolean }) => {
      printDone(await (await connect()).ask('DELETE', `/v1/api-keys/${encodeURIComponent(id)}`), options);
    });
}

function formatKeys(keys: readonly ApiKey[]): string {
  const rows = keys.map((one) => [
    one.id,
    one.label,
    one.role + (one.sensitive ? ' (sensitive)' : ''),
    one.streams?.join(',') ?? 'all',
    one.createdBy,
    one.expiresAt ?? 'never',
    one.usedAt ?? 'never',
  ]);
  return formatTable(['ID', 'LABEL', 'ROLE', 'STREAMS', 'MADE BY', 'ENDS', 'USED'], rows);
}
