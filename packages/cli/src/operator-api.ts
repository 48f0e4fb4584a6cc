/** The control plane's API as an operator's commands use it. */

import { join } from 'node:path';
import type { CliConfig } from './config.ts';
import { CommandError } from './command-error.ts';
import { readSecret } from './kept-file.ts';

const DEADLINE_MS = 10_000;
export const EX_UNAVAILABLE = 69;
const EX_NOPERM = 77;

/** Asks; what goes wrong becomes one line for the person at the terminal. */
export class OperatorApi {
  readonly #url: string;
  readonly #token: string;

  constructor(url: string, token: string) {
    this.#url = url;
    this.#token = token;
  }

  async ask<T>(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<T> {
    const answer = await this.#fetch(method, path, body);
    const text = await answer.text();
    const parsed: unknown = text === '' ? null : JSON.parse(text);
    if (answer.ok) return parsed as T;
    const { code, detail, title } = (parsed ?? {}) as { code?: string; detail?: string; title?: string };
    const exitCode = answer.status === 401 ? EX_NOPERM : 1;
    throw new CommandError(`${detail ?? title ?? `status ${answer.status}`} (${code ?? answer.status})`, exitCode);
  }

  async #fetch(method: string, path: string, body: unknown): Promise<Response> {
    try {
      return await fetch(this.#url + path, {
        method,
        headers: { authorization: `Bearer ${this.#token}`, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(DEADLINE_MS),
      });
    } catch (error) {
      const { cause } = error as Error;
      const reason = cause instanceof Error ? cause.message : String(error);
      throw new CommandError(`the control plane at ${this.#url} does not answer: ${reason}`, EX_UNAVAILABLE);
    }
  }
}

/** With the admin token of the environment, or of a control plane's data directory on this machine. */
export async function connectOperator(config: CliConfig): Promise<OperatorApi> {
  const token = config.adminToken ?? (await readSecret(join(config.dataDir, 'admin-token')));
  if (token === null) throw new CommandError('set HEADWATER_ADMIN_TOKEN to the admin token', EX_NOPERM);
  return new OperatorApi(config.controlUrl, token);
}
