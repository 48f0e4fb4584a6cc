/** Who a command is at the control plane. */

import { join } from 'node:path';
import { systemClock } from '@headwater/service/clock';
import { CommandError } from './command-error.ts';
import type { CliConfig } from './config.ts';
import { readSecret } from './kept-file.ts';
import { type Login, LoginFile } from './login-file.ts';
import { LoginSession } from './login-session.ts';
import { EX_NOPERM, OperatorApi, fixedBearer } from './operator-api.ts';

/** What the API answers to a log-in. */
export interface Tokens extends Omit<Login, 'name'> {
  readonly user: { readonly name: string; readonly role: string; readonly mustChangePassword: boolean };
}

/**
 * With the API key or admin token of the environment; else as who is logged in; else with the admin token of a control plane's
 * data directory on this machine.
 */
export async function connectOperator(config: CliConfig): Promise<OperatorApi> {
  const { controlUrls: urls } = config;
  const given = config.apiKey ?? config.adminToken;
  if (given !== null) return new OperatorApi(urls, fixedBearer(given));
  const loggedIn = await connectLoggedIn(config);
  if (loggedIn !== null) return loggedIn;
  const kept = await readSecret(join(config.dataDir, 'admin-token'));
  if (kept !== null) return new OperatorApi(urls, fixedBearer(kept));
  throw new CommandError('log in (headwater login NAME), or set HEADWATER_API_KEY or HEADWATER_ADMIN_TOKEN', EX_NOPERM);
}

/** As who is logged in, and nobody else; null where nobody is. */
export async function connectLoggedIn(config: CliConfig): Promise<OperatorApi | null> {
  const file = openLoginFile(config);
  const url = loginKey(config);
  if ((await file.read(url)) === null) return null;
  const renew = async (refreshToken: string): Promise<Login | null> => renewed(connectAnonymous(config), refreshToken);
  return new OperatorApi(config.controlUrls, new LoginSession({ file, url, clock: systemClock, renew }));
}

/** The API for who is not logged in. */
export function connectAnonymous({ controlUrls }: Pick<CliConfig, 'controlUrls'>): OperatorApi {
  return new OperatorApi(controlUrls, fixedBearer(''));
}

export function openLoginFile({ loginFile }: Pick<CliConfig, 'loginFile'>): LoginFile {
  return new LoginFile(loginFile, systemClock);
}

/** What a log-in is kept under: replicas are one control plane. */
export function loginKey({ controlUrls }: Pick<CliConfig, 'controlUrls'>): string {
  return controlUrls.join(',');
}

async function renewed(api: OperatorApi, refreshToken: string): Promise<Login | null> {
  try {
    const { user, ...tokens } = await api.ask<Tokens>('POST', '/v1/login/refresh', { refreshToken });
    return { name: user.name, ...tokens };
  } catch (error) {
    if (error instanceof CommandError && error.exitCode === EX_NOPERM) return null;
    throw error;
  }
}
