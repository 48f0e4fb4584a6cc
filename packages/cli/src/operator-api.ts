/** The control plane's API as an operator's commands use it. */

import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { backoffMs } from '@headwater/service/backoff';
import type { CliConfig } from './config.ts';
import { CommandError } from './command-error.ts';
import { readSecret } from './kept-file.ts';

const DEADLINE_MS = 10_000;
export const EX_UNAVAILABLE = 69;
const EX_NOPERM = 77;

/** What may be asked again is asked so often, if there is no answer, or one that says to. */
const TRIES = 4;
const RETRY = { firstMs: 200, maxMs: 2_000, random: Math.random } as const;
const ASK_AGAIN: ReadonlySet<number> = new Set([502, 503, 504]);
const IN_PROGRESS = 'idempotency_in_progress';

/** Errors of what was never sent. */
const NOT_ARRIVED: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'UND_ERR_CONNECT_TIMEOUT',
]);

type Method = 'GET' | 'POST' | 'DELETE';

interface Content {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

/** Asks; what goes wrong becomes one line for the person at the terminal. */
export class OperatorApi {
  readonly #urls: readonly string[];
  readonly #token: string;
  /** the replica that is asked */
  #current = 0;

  /** @param urls of the control plane's replicas, at least one */
  constructor(urls: readonly string[], token: string) {
    this.#urls = urls;
    this.#token = token;
  }

  /** Asks, of several replicas the first that answers. What changes something goes on to the next only if it never arrived. */
  async ask<T>(method: Method, path: string, body?: unknown): Promise<T> {
    return wanted(await this.#send(method, path, { body })) as T;
  }

  /** Makes something: under a key, so that it may be asked again when the answer is lost, and is made once. */
  async make<T>(path: string, body: unknown): Promise<T> {
    const headers = { 'idempotency-key': randomUUID() };
    for (let tries = 1; ; tries += 1) {
      const answer = await this.#send('POST', path, { body, headers }).catch((error: unknown) => {
        if (tries >= TRIES || !(error instanceof CommandError)) throw error;
        return null;
      });
      if (answer !== null && (tries >= TRIES || !mayAskAgain(answer))) return wanted(answer) as T;
      await delay(backoffMs(tries - 1, RETRY));
    }
  }

  /** Everything of a list, page by page. */
  async list<T>(path: string, name: string): Promise<readonly T[]> {
    const items: T[] = [];
    for (let next: string | undefined = path; next !== undefined;) {
      const answer: Answer = await this.#send('GET', next, {});
      items.push(...((wanted(answer) as Readonly<Record<string, readonly T[]>>)[name] ?? []));
      // RFC 8288 §3, as the control plane writes it.
      next = /<([^>]*)>; rel="next"/.exec(answer.headers.get('link') ?? '')?.[1];
    }
    return items;
  }

  async #send(method: Method, path: string, { body, headers = {} }: Content): Promise<Answer> {
    for (let left = this.#urls.length; ; left -= 1) {
      const url = this.#urls[this.#current] ?? '';
      try {
        return await this.#sendTo(url + path, method, { body, headers });
      } catch (error) {
        this.#current = (this.#current + 1) % this.#urls.length;
        const { cause } = error as Error & { readonly cause?: NodeJS.ErrnoException };
        const mayGoOn = method === 'GET' || 'idempotency-key' in headers || NOT_ARRIVED.has(cause?.code ?? '');
        if (left > 1 && mayGoOn) continue;
        const reason = cause instanceof Error ? cause.message : String(error);
        throw new CommandError(`the control plane at ${url} does not answer: ${reason}`, EX_UNAVAILABLE);
      }
    }
  }

  async #sendTo(url: string, method: Method, { body, headers }: Content): Promise<Answer> {
    const answer = await fetch(url, {
      method,
      headers: { authorization: `Bearer ${this.#token}`, 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(DEADLINE_MS),
    });
    const text = await answer.text();
    return { status: answer.status, headers: answer.headers, body: text === '' ? null : JSON.parse(text) };
  }
}

interface Refusal {
  readonly code?: string;
  readonly detail?: string;
  readonly title?: string;
}

function mayAskAgain({ status, body }: Answer): boolean {
  return ASK_AGAIN.has(status) || (body as Refusal | null)?.code === IN_PROGRESS;
}

/** @throws CommandError for what the control plane refused */
function wanted({ status, body }: Answer): unknown {
  if (status < 400) return body;
  const { code, detail, title } = (body ?? {}) as Refusal;
  const exitCode = status === 401 ? EX_NOPERM : 1;
  throw new CommandError(`${detail ?? title ?? `status ${status}`} (${code ?? status})`, exitCode, code);
}

/** With the admin token of the environment, or of a control plane's data directory on this machine. */
export async function connectOperator(config: CliConfig): Promise<OperatorApi> {
  const token = config.adminToken ?? (await readSecret(join(config.dataDir, 'admin-token')));
  if (token === null) throw new CommandError('set HEADWATER_ADMIN_TOKEN to the admin token', EX_NOPERM);
  return new OperatorApi(config.controlUrls, token);
}
