/** The control plane's API as an operator's commands use it. */

import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { backoffMs } from '@headwater/service/backoff';
import { CommandError } from './command-error.ts';
import { askSecret, isInteractive } from './prompt.ts';

const DEADLINE_MS = 10_000;
export const EX_UNAVAILABLE = 69;
export const EX_NOPERM = 77;

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

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

/** Where the token of a request comes from. */
export interface Bearer {
  /** whether there is somebody with a second factor */
  readonly isPerson: boolean;
  /**
   * Null: there is none any more.
   * @param refused one that the control plane takes no more
   */
  token(refused?: string): Promise<string | null>;
}

/** A token that stays as it is. */
export function fixedBearer(token: string): Bearer {
  return { isPerson: false, token: async () => token };
}

interface Request {
  readonly method: Method;
  readonly path: string;
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
  readonly #bearer: Bearer;
  /** the replica that is asked */
  #current = 0;

  /** @param urls of the control plane's replicas, at least one */
  constructor(urls: readonly string[], bearer: Bearer) {
    this.#urls = urls;
    this.#bearer = bearer;
  }

  /** Asks, of several replicas the first that answers. What changes something goes on to the next only if it never arrived. */
  async ask<T>(method: Method, path: string, body?: unknown): Promise<T> {
    return wanted(await this.#send({ method, path, body })) as T;
  }

  /** Makes something: under a key, so that it may be asked again when the answer is lost, and is made once. */
  async make<T>(path: string, body: unknown): Promise<T> {
    const headers = { 'idempotency-key': randomUUID() };
    for (let tries = 1; ; tries += 1) {
      const answer = await this.#send({ method: 'POST', path, body, headers }).catch((error: unknown) => {
        const isAway = error instanceof CommandError && error.exitCode === EX_UNAVAILABLE;
        if (tries >= TRIES || !isAway) throw error;
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
      const answer: Answer = await this.#send({ method: 'GET', path: next });
      items.push(...((wanted(answer) as Readonly<Record<string, readonly T[]>>)[name] ?? []));
      // RFC 8288 §3, as the control plane writes it.
      next = /<([^>]*)>; rel="next"/.exec(answer.headers.get('link') ?? '')?.[1];
    }
    return items;
  }

  /** Shows the second factor again. */
  async stepUp(code: string): Promise<{ readonly until: string }> {
    return this.ask('POST', '/v1/me/step-up', { code });
  }

  /** Where a person's second factor is wanted again and somebody is there, it is asked for first. */
  async #send(request: Request): Promise<Answer> {
    const token = await this.#token();
    const answer = await this.#sendWith(token, request);
    if (!this.#bearer.isPerson) return answer;
    // By another clock than ours, or because the session was ended elsewhere.
    if (answer.status === 401) return this.#sendWith(await this.#token(token), request);
    if ((answer.body as Refusal | null)?.code !== 'step_up_required' || !isInteractive()) return answer;
    await this.stepUp(await askSecret('Code of the second factor'));
    return this.#sendWith(await this.#token(), request);
  }

  async #token(refused?: string): Promise<string> {
    const token = await this.#bearer.token(refused);
    if (token === null) throw new CommandError('the session has ended: headwater login NAME', EX_NOPERM);
    return token;
  }

  async #sendWith(token: string, request: Request): Promise<Answer> {
    const { method, headers = {} } = request;
    for (let left = this.#urls.length; ; left -= 1) {
      const url = this.#urls[this.#current] ?? '';
      try {
        return await sendTo(url, token, request);
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
function wanted({ status, headers, body }: Answer): unknown {
  if (status < 400) return body;
  const { code, detail, title } = (body ?? {}) as Refusal;
  const exitCode = status === 401 ? EX_NOPERM : 1;
  const retryAfter = headers.get('retry-after');
  const when = retryAfter === null ? '' : `; again in ${retryAfter} s`;
  throw new CommandError(`${detail ?? title ?? `status ${status}`}${when} (${code ?? status})`, exitCode, code);
}

async function sendTo(url: string, token: string, { method, path, body, headers = {} }: Request): Promise<Answer> {
  const answer = await fetch(url + path, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(DEADLINE_MS),
  });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, body: text === '' ? null : JSON.parse(text) };
}
