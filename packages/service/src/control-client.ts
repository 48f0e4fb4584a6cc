/**
 * A node's requests to the control plane: JSON both ways, a deadline each, nothing thrown for what a network may do. Of several
 * replicas one is asked for as long as it answers, then the next.
 */

import { Pool } from 'undici';

/** An answer of the control plane, or that there was none. */
export type ControlAnswer =
  | { readonly kind: 'answer'; readonly status: number; readonly body: unknown }
  | { readonly kind: 'unreachable'; readonly reason: string };

interface ControlRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** with its query */
  readonly path: string;
  readonly bearer?: string;
  readonly body?: unknown;
  readonly deadlineMs: number;
  readonly signal?: AbortSignal;
}

/** A longer answer is refused: a snapshot of the largest fleet and catalogue stays below. */
const ANSWER_LIMIT_BYTES = 64 * 1024 * 1024;
const CONNECTIONS = 4;
const CONNECT_DEADLINE_MS = 2_000;

/** Keeps connections to the replicas of one control plane. */
export class ControlClient {
  readonly #pools: readonly Pool[];
  #current = 0;
  /** falls when the present replica is given up */
  #leaving = new AbortController();

  /** @param controlUrls at least one */
  constructor(controlUrls: readonly string[]) {
    this.#pools = controlUrls.map(
      (url) =>
        new Pool(url, {
          connections: CONNECTIONS,
          connect: { timeout: CONNECT_DEADLINE_MS },
          maxResponseSize: ANSWER_LIMIT_BYTES,
        }),
    );
  }

  /** Asks the replica that answered last. One that does not answer is left, by all who wait for it, for the next one. */
  async request(wanted: ControlRequest): Promise<ControlAnswer> {
    const leaving = this.#leaving;
    const signals = [leaving.signal, ...(wanted.signal === undefined ? [] : [wanted.signal])];
    const answer = await this.#ask(this.#pools[this.#current] as Pool, wanted, AbortSignal.any(signals));
    const isGone = answer.kind === 'unreachable' && wanted.signal?.aborted !== true;
    // Of several requests that fail together only the first moves on.
    if (isGone && this.#leaving === leaving) this.moveOn();
    return answer;
  }

  /** Asks the next replica from now on, with a single one on new connections; requests under way are broken off. */
  moveOn(): void {
    this.#current = (this.#current + 1) % this.#pools.length;
    this.#leaving.abort();
    this.#leaving = new AbortController();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#pools.map((pool) => pool.destroy()));
  }

  async #ask(pool: Pool, wanted: ControlRequest, broken: AbortSignal): Promise<ControlAnswer> {
    const deadline = AbortSignal.timeout(wanted.deadlineMs);
    try {
      const answer = await pool.request({
        method: wanted.method,
        path: wanted.path,
        headers: {
          ...(wanted.bearer === undefined ? {} : { authorization: `Bearer ${wanted.bearer}` }),
          ...(wanted.body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        body: wanted.body === undefined ? null : JSON.stringify(wanted.body),
        signal: AbortSignal.any([deadline, broken]),
        headersTimeout: wanted.deadlineMs,
        bodyTimeout: wanted.deadlineMs,
      });
      const text = await answer.body.text();
      return { kind: 'answer', status: answer.statusCode, body: text === '' ? null : (JSON.parse(text) as unknown) };
    } catch (error) {
      return { kind: 'unreachable', reason: error instanceof Error ? error.message : String(error) };
    }
  }
}
