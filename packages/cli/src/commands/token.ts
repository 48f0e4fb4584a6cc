/** `headwater token`: join tokens for new nodes, session tokens for viewers of streams and pull zones. */

import { type Command, Option } from 'commander';
import { parseSeconds } from '../duration.ts';
import type { OperatorApi } from '../operator-api.ts';
import { print, printDone } from '../output.ts';
import { formatTable } from '../table.ts';

interface JoinToken {
  readonly id: string;
  readonly role: string;
  readonly zone: string | null;
  readonly expiresAt: string;
  readonly usedBy: string | null;
}

interface CreateOptions {
  readonly role: string;
  readonly zone?: string;
  readonly ttl: number;
  readonly json?: boolean;
}

export function addTokenCommands(program: Command, connect: () => Promise<OperatorApi>): void {
  const token = program
    .command('token')
    .alias('tokens')
    .description('join tokens for new nodes, session tokens for viewers');
  token
    .command('create')
    .description('make a token that lets one node in, once')
    .addOption(new Option('--role <role>', 'what the node is').choices(['edge', 'origin', 'geo']).default('edge'))
    .option('--zone <zone>', 'where it will be, whatever it says itself')
    .option('--ttl <duration>', 'how long it is good for', parseSeconds, 3_600)
    .option('--json', 'for programs')
    .action(async (options: CreateOptions) => {
      const { role, zone = null, ttl: ttlSeconds } = options;
      const api = await connect();
      const made = await api.make<JoinToken & { token: string }>('/v1/join-tokens', { role, zone, ttlSeconds });
      print(made, options, () => made.token);
    });
  token
    .command('list')
    .description('tokens that were made, without their secrets')
    .option('--json', 'for programs')
    .action(async (options: { json?: boolean }) => {
      const api = await connect();
      const joinTokens = await api.list<JoinToken>('/v1/join-tokens', 'joinTokens');
      print(joinTokens, options, () => {
        const rows = joinTokens.map((one) => [one.id, one.role, one.zone ?? '-', one.expiresAt, one.usedBy ?? '-']);
        return formatTable(['ID', 'ROLE', 'ZONE', 'EXPIRES', 'USED BY'], rows);
      });
    });
  token
    .command('delete <id>')
    .description('take a token back')
    .option('--json', 'for programs')
    .action(async (id: string, options: { json?: boolean }) => {
      printDone(await (await connect()).ask('DELETE', `/v1/join-tokens/${encodeURIComponent(id)}`), options);
    });
  token
    .command('viewer <stream>')
    .description('mint a session token for a viewer of a stream; prints its watch link')
    .option('--ttl <duration>', 'how long it is good for', parseSeconds, 3_600)
    .option('--ip <prefix>', 'the only address, or network, that it is good from')
    .option('--json', 'for programs')
    .action(async (stream: string, { ttl: ttlSeconds, ip, json }: { ttl: number; ip?: string; json?: boolean }) => {
      const order = { stream, ttlSeconds, ...(ip === undefined ? {} : { ip }) };
      const made = await (await connect()).make<{ urls: { watch: string } }>('/v1/tokens', order);
      print(made, json === true ? { json } : {}, () => made.urls.watch);
    });
  token
    .command('zone <zone>')
    .description('mint a session token for a viewer of a pull zone; prints the URL to fetch')
    .option('--path <path>', 'what the URL is of; the token is for the whole zone')
    .option('--ttl <duration>', 'how long it is good for', parseSeconds, 3_600)
    .option('--ip <prefix>', 'the only address, or network, that it is good from')
    .option('--json', 'for programs')
    .action(async (zone: string, options: { path?: string; ttl: number; ip?: string; json?: boolean }) => {
      const { path, ttl: ttlSeconds, ip } = options;
      const given = Object.entries({ path, ip }).filter(([, value]) => value !== undefined);
      const order = { zone, ttlSeconds, ...Object.fromEntries(given) };
      const made = await (await connect()).make<{ urls: { url: string } }>('/v1/tokens', order);
      print(made, options, () => made.urls.url);
    });
}
