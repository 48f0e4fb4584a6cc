/** `headwater users`: the people who have an account. */

import { type Command, Option } from 'commander';
import type { OperatorApi } from '../operator-api.ts';
import { print, printDone } from '../output.ts';
import { askSecret } from '../prompt.ts';
import { formatTable } from '../table.ts';

/** An account as the API tells of it. */
export interface User {
  readonly name: string;
  readonly role: string;
  readonly streams: readonly string[] | null;
  readonly disabled: boolean;
  readonly secondFactor: boolean;
  readonly lastLoginAt: string | null;
}

interface CreateOptions {
  readonly role: string;
  readonly streams?: string;
  readonly askPassword?: true;
  readonly json?: boolean;
}

interface ChangeOptions {
  readonly role?: string;
  readonly streams?: string;
  readonly disable?: true;
  readonly enable?: true;
  readonly askPassword?: true;
  readonly removeSecondFactor?: true;
  readonly json?: boolean;
}

const ROLES = ['admin', 'operator', 'publisher', 'viewer-issuer'];

export function roleOption(): Option {
  return new Option('--role <role>', 'what it may do').choices(ROLES);
}

/** `a,b-*` as the API has it; `all` for every stream. */
export function scopeOf(streams: string | undefined): readonly string[] | null {
  return streams === undefined || streams === 'all' ? null : streams.split(',');
}

export function addUserCommands(program: Command, connect: () => Promise<OperatorApi>): void {
  const users = program.command('users').description('the people who have an account');
  users
    .command('list', { isDefault: true })
    .description('every account')
    .option('--json', 'for programs')
    .action(async (options: { json?: boolean }) => {
      const listed = await (await connect()).list<User>('/v1/users', 'users');
      print(listed, options, () => formatUsers(listed));
    });
  users
    .command('create <name>')
    .description('make an account; prints its first password, which must be changed at the first log-in')
    .addOption(roleOption().makeOptionMandatory())
    .option('--streams <names>', 'of a publisher or viewer-issuer: which streams, by commas, such as show,sports-*')
    .option('--ask-password', 'ask for the first password instead of making one')
    .option('--json', 'for programs')
    .action(async (name: string, options: CreateOptions) => {
      const api = await connect();
      const password = options.askPassword === true ? await askSecret('First password') : null;
      const order = { name, role: options.role, streams: scopeOf(options.streams), password };
      const made = await api.make<{ user: User; password: string | null }>('/v1/users', order);
      print(made, options, () => made.password ?? formatUsers([made.user]));
    });
  addChangeCommand(users, connect);
  users
    .command('delete <name>')
    .description('delete an account; its sessions end')
    .option('--json', 'for programs')
    .action(async (name: string, options: { json?: boolean }) => {
      printDone(await (await connect()).ask('DELETE', `/v1/users/${encodeURIComponent(name)}`), options);
    });
}

function addChangeCommand(users: Command, connect: () => Promise<OperatorApi>): void {
  users
    .command('change <name>')
    .description('change an account')
    .addOption(roleOption())
    .option('--streams <names>', 'which streams, by commas; all: every one')
    .addOption(new Option('--disable', 'let it do nothing').conflicts('enable'))
    .option('--enable', 'let it in again')
    .option('--ask-password', 'ask for another first password')
    .option('--remove-second-factor', 'for who has lost it')
    .option('--json', 'for programs')
    .action(async (name: string, options: ChangeOptions) => {
      const api = await connect();
      const { role, streams, disable, enable } = options;
      const change = {
        ...(role === undefined ? {} : { role }),
        ...(streams === undefined ? {} : { streams: scopeOf(streams) }),
        ...(disable === undefined && enable === undefined ? {} : { disabled: disable === true }),
        ...(options.askPassword === true ? { password: await askSecret('First password') } : {}),
        ...(options.removeSecondFactor === true ? { secondFactor: false } : {}),
      };
      const changed = await api.ask<User>('PATCH', `/v1/users/${encodeURIComponent(name)}`, change);
      print(changed, options, () => formatUsers([changed]));
    });
}

export function formatUsers(users: readonly User[]): string {
  const rows = users.map((one) => [
    one.name,
    one.role,
    one.streams?.join(',') ?? 'all',
    one.disabled ? 'disabled' : '-',
    one.secondFactor ? 'yes' : 'no',
    one.lastLoginAt ?? 'never',
  ]);
  return formatTable(['NAME', 'ROLE', 'STREAMS', 'STATE', 'SECOND FACTOR', 'LAST LOG-IN'], rows);
}
