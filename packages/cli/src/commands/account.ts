/** `headwater account`: one's own account. */

import type { Command } from 'commander';
import type { OperatorApi } from '../operator-api.ts';
import { print, printDone } from '../output.ts';
import { askSecret } from '../prompt.ts';
import { formatTable } from '../table.ts';
import { type User, formatUsers } from './users.ts';

interface Session {
  readonly id: string;
  readonly current: boolean;
  readonly openedAt: string;
  readonly usedAt: string;
  readonly address: string;
}

export function addAccountCommands(program: Command, connect: () => Promise<OperatorApi>): void {
  const account = program.command('account').description('one’s own account');
  account
    .command('show', { isDefault: true })
    .description('who is logged in')
    .option('--json', 'for programs')
    .action(async (options: { json?: boolean }) => {
      const me = await (await connect()).ask<User>('GET', '/v1/me');
      print(me, options, () => formatUsers([me]));
    });
  account
    .command('password')
    .description('choose another password; every session ends')
    .option('--json', 'for programs')
    .action(async (options: { json?: boolean }) => {
      const api = await connect();
      const current = await askSecret('Current password');
      const next = await askSecret('New password, 12 characters or more');
      print(await api.ask('POST', '/v1/me/password', { current, next }), options, () => 'changed; log in again');
    });
  account
    .command('second-factor')
    .description('enrol an authenticator app; prints its secret, and recovery codes that are shown here alone')
    .option('--remove', 'take it off, with the password and a code')
    .option('--json', 'for programs')
    .action(async (options: { remove?: true; json?: boolean }) => {
      const api = await connect();
      const password = await askSecret('Password');
      if (options.remove === true) {
        const code = await askSecret('Code of the second factor');
        printDone(await api.ask('POST', '/v1/me/second-factor/remove', { password, code }), options);
        return;
      }
      await enrol(api, password, options);
    });
  account
    .command('sessions')
    .description('where one is logged in')
    .option('--end <id>', 'end one of them')
    .option('--json', 'for programs')
    .action(async (options: { end?: string; json?: boolean }) => {
      const api = await connect();
      if (options.end !== undefined) {
        printDone(await api.ask('DELETE', `/v1/me/sessions/${encodeURIComponent(options.end)}`), options);
        return;
      }
      const { sessions } = await api.ask<{ sessions: readonly Session[] }>('GET', '/v1/me/sessions');
      print(sessions, options, () => {
        const rows = sessions.map((one) => [one.id, one.current ? 'this' : '-', one.openedAt, one.usedAt, one.address]);
        return formatTable(['ID', '', 'OPENED', 'USED', 'FROM'], rows);
      });
    });
}

/** The secret is told on standard error: standard output has the recovery codes. */
async function enrol(api: OperatorApi, password: string, options: { readonly json?: boolean }): Promise<void> {
  const { secret, uri } = await api.ask<{ secret: string; uri: string }>('POST', '/v1/me/second-factor', { password });
  console.error(`secret: ${secret}\nfor a QR code: ${uri}`);
  const code = await askSecret('Code that the app shows');
  const confirmed = await api.ask<{ recoveryCodes: string[] }>('POST', '/v1/me/second-factor/confirm', { code });
  print(confirmed, options, () => `enrolled. Recovery codes, each good once:\n${confirmed.recoveryCodes.join('\n')}`);
}
