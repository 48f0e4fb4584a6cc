/** The control plane's API as this command uses it. */

import type { Ladder } from '@headwater/protocol/feed';

export interface Stream {
  readonly publishUrl: string;
  readonly onAir?: boolean;
}

export interface Token {
  readonly urls: { readonly hls: string; readonly watch: string };
}

interface Node {
  readonly id: string;
  readonly healthy: boolean;
}

const DEADLINE_MS = 5_000;

/** Calls the API with the admin token. */
export class ControlApi {
  readonly #url: string;
  readonly #adminToken: string;

  constructor(url: string, adminToken: string) {
    this.#url = url;
    this.#adminToken = adminToken;
  }

  /** The stream of that name; made when there is none. */
  async ensureStream(name: string, ladder: Ladder): Promise<Stream> {
    const made = await this.#call('POST', '/v1/streams', { name, policy: 'token', ladder });
    if (made.status === 201) return made.body as Stream;
    if (made.status === 409) return this.stream(name);
    throw new Error(`the control plane refused the stream ${name}: status ${made.status}`);
  }

  async stream(name: string): Promise<Stream> {
    return this.#get(`/v1/streams/${name}`) as Promise<Stream>;
  }

  async mintToken(stream: string, ttlSeconds: number): Promise<Token> {
    const { status, body } = await this.#call('POST', '/v1/tokens', { stream, ttlSeconds });
    if (status !== 201) throw new Error(`the control plane refused a token for ${stream}: status ${status}`);
    return body as Token;
  }

  async nodes(): Promise<readonly Node[]> {
    return ((await this.#get('/v1/nodes')) as { readonly nodes: readonly Node[] }).nodes;
  }

  async #get(path: string): Promise<unknown> {
    const { status, body } = await this.#call('GET', path);
    if (status !== 200) throw new Error(`GET ${path}: status ${status}`);
    return body;
  }

  async #call(method: string, path: string, body?: unknown): Promise<{ status: number; body: unknown }> {
    const answer = await fetch(`${this.#url}${path}`, {
      method,
      headers: { authorization: `Bearer ${this.#adminToken}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(DEADLINE_MS),
    });
    const text = await answer.text();
    return { status: answer.status, body: text === '' ? null : (JSON.parse(text) as unknown) };
  }
}
