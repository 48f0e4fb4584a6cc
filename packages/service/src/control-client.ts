/** A node's requests to the control plane: JSON both ways, a deadline each, nothing thrown for what a network may do. */

import { Pool } from 'undici';

/** An answer of the control plane, or that there was none. */
export type ControlAnswer =
  | { readonly kind: 'answer'; readonly status: number; readonly body: unknown }
  | { readonly kind: 'unreachable'; readonly reason: string };

interface ControlRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** with its query */
  readonly path: string;
  readonly bearer: string;
  readonly body?: unknown;
  readonly deadlineMs: number;
  readonly signal?: AbortSignal;
}

/** A longer answer is refused: a snapshot of the largest fleet and catalogue stays below. */
const ANSWER_LIMIT_BYTES = 64 * 1024 * 1024;
const CONNECTIONS = 4;
const CONNECT_DEADLINE_MS = 2_000;

/** Keeps connections to one control plane. */
export class ControlClient {
  readonly #pool: Pool;

  constructor(controlUrl: string) {
    this.#pool = new Pool(controlUrl, {
      connections: CONNECTIONS,
      connect: { timeout: CONNECT_DEADLINE_MS },
      maxResponseSize: ANSWER_LIMIT_BYTES,
    });
  }

  async request(wanted: ControlRequest): Promise<ControlAnswer> {
    const deadline = AbortSignal.timeout(wanted.deadlineMs);
    try {
      const answer = await this.#pool.request({
        method: wanted.method,
        path: wanted.path,
        headers: {
          authorization: `Bearer ${wanted.bearer}`,
          ...(wanted.body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        body: wanted.body === undefined ? null : JSON.stringify(wanted.body),
        signal: wanted.signal === undefined ? deadline : AbortSignal.any([deadline, wanted.signal]),
        headersTimeout: wanted.deadlineMs,
        bodyTimeout: wanted.deadlineMs,
      });
      const text = await answer.body.text();
      return { kind: 'answer', status: answer.statusCode, body: text === '' ? null : (JSON.parse(text) as unknown) };
    } catch (error) {
      return { kind: 'unreachable', reason: error instanceof Error ? error.message : String(error) };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.destroy();
  }
}
