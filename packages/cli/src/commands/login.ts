/** `headwater login`, `logout`, `step-up`: being somebody at a control plane. */

import type { Command } from 'commander';
import type { CliConfig } from '../config.ts';
import { CommandError } from '../command-error.ts';
import type { OperatorApi } from '../operator-api.ts';
import { type Tokens, connectAnonymous, connectLoggedIn, loginKey, openLoginFile } from '../operator-login.ts';
import { print, printDone } from '../output.ts';
import { askSecret } from '../prompt.ts';

interface LoginOptions {
  readonly code?: string;
  readonly json?: boolean;
}

export function addLoginCommands(
  program: Command,
  readConfig: () => CliConfig,
  connect: () => Promise<OperatorApi>,
): void {
  program
    .command('login <name>')
    .description('log in; asks for the password, and for the second factor where there is one')
    .option('--code <code>', 'of the second factor, or a recovery code')
    .option('--json', 'for programs')
    .action(async (name: string, options: LoginOptions) => {
      const config = readConfig();
      const { user, ...tokens } = await logIn(config, name, options.code);
      const file = openLoginFile(config);
      await file.locked(() => file.write(loginKey(config), { name, ...tokens }));
      print(user, options, () =>
        user.mustChangePassword
          ? `logged in as ${name}; choose a password of your own first: headwater account password`
          : `logged in as ${name} (${user.role})`,
      );
    });
  program
    .command('logout')
    .description('end the session of this machine')
    .option('--json', 'for programs')
    .action(async (options: { json?: boolean }) => {
      const config = readConfig();
      const file = openLoginFile(config);
      const session = await connectLoggedIn(config);
      if (session === null) return printDone(null, options);
      try {
        await session.ask('DELETE', '/v1/me/sessions/current');
      } finally {
        await file.locked(() => file.write(loginKey(config), null));
      }
      printDone(null, options);
    });
  program
    .command('step-up [code]')
    .description('show the second factor again: what is sensitive is open for five minutes')
    .option('--json', 'for programs')
    .action(async (code: string | undefined, options: { json?: boolean }) => {
      const api = await connect();
      const stepped = await api.stepUp(code ?? (await askSecret('Code of the second factor')));
      print(stepped, options, () => `until ${stepped.until}`);
    });
}

async function logIn(config: CliConfig, name: string, given: string | undefined): Promise<Tokens> {
  const api = connectAnonymous(config);
  const password = await askSecret('Password');
  const attempt = (code: string | null) => api.ask<Tokens>('POST', '/v1/login', { name, password, code });
  try {
    return await attempt(given ?? null);
  } catch (error) {
    if (!(error instanceof CommandError) || error.code !== 'second_factor_missing') throw error;
    return attempt(await askSecret('Code of the second factor'));
  }
}
