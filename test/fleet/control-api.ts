/** The control plane's API as an operator calls it. */

import type { Ladder } from '@headwater/protocol/feed';
import type { NodeRecord } from '@headwater/protocol/node';

/** The answer to `POST /v1/streams`. */
export interface CreatedStream {
  readonly stream: string;
  readonly publishUrl: string;
  readonly server: string;
  readonly streamKey: string;
  readonly key: string;
}

/** The answer to `POST /v1/tokens`. */
export interface CreatedToken {
  readonly token: string;
  readonly session: string;
  readonly expiresAt: string;
  readonly urls: { readonly hls: string; readonly dash: string; readonly ts: string; readonly watch: string };
}

/** Calls one control plane with its admin token. */
export class ControlApi {
  readonly #baseUrl: string;
  readonly #adminToken: string;

  constructor(baseUrl: string, adminToken: string) {
    this.#baseUrl = baseUrl;
    this.#adminToken = adminToken;
  }

  /** Any request; the answer as it is. */
  async request(method: string, path: string, body?: unknown): Promise<Response> {
    return fetch(`${this.#baseUrl}${path}`, {
      method,
      headers: { authorization: `Bearer ${this.#adminToken}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(10_000),
    });
  }

  async createStream(stream: { name: string; policy: 'token' | 'public'; ladder?: Ladder }): Promise<CreatedStream> {
    return this.#json<CreatedStream>('POST', '/v1/streams', stream);
  }

  async createToken(token: { stream: string; ttlSeconds: number; ip?: string }): Promise<CreatedToken> {
    return this.#json<CreatedToken>('POST', '/v1/tokens', token);
  }

  async drain(node: string, draining: boolean): Promise<void> {
    await this.#json('POST', `/v1/nodes/${node}/drain`, { draining });
  }

  async nodes(): Promise<readonly NodeRecord[]> {
    const answer = await this.#json<{ nodes: readonly NodeRecord[] } | readonly NodeRecord[]>('GET', '/v1/nodes');
    return 'nodes' in answer ? answer.nodes : answer;
  }

  async #json<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await this.request(method, path, body);
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return JSON.parse(text) as T;
  }
}
