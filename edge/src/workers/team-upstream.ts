/**
 * Whom a worker asks for an object of a pull zone: the worker that owns it, as an edge asks a parent, and an origin for what is
 * its own. Only reading goes by the owner; what changes something goes to the origin at once.
 */

import { backoffMs } from '@headwater/service/backoff';
import { ZONE, ZONE_HOST } from '@headwater/protocol/headers';
import { type FieldList, valueOf, without } from '../http-cache/fields.ts';
import { isOnlyIfCached } from '../http-cache/reuse.ts';
import { HTTP_CLIENT_LIMITS, HttpClient } from '../upstream/http-client.ts';
import type { UpstreamRequest } from '../upstream/upstream-client.ts';
import type { UpstreamErrorCode } from '../upstream/upstream-error.ts';
import type { UpstreamFetch, UpstreamHandler, UpstreamHead } from '../upstream/upstream-handler.ts';
import type { Upstream } from '../zone/fetching.ts';
import type { Ownership } from './ownership.ts';

interface TeamUpstreamOptions {
  readonly ownership: Ownership;
  /** for what this worker owns */
  readonly origins: Upstream;
  readonly random: () => number;
  /** an object is asked for outside of this node */
  readonly onFetch: () => void;
  /** it is asked of its owner */
  readonly onAsk: () => void;
}

/** An owner that has ended is replaced by another within milliseconds, and everybody told. */
const ATTEMPTS = 5;
const PAUSE = { firstMs: 25, maxMs: 400 } as const;
/** An owner waits for an origin, and may ask a second one. */
const HEAD_MS = 2 * HTTP_CLIENT_LIMITS.headMs + 2_000;
const BETWEEN_WORKERS: ReadonlySet<string> = new Set([ZONE, ZONE_HOST]);

export class TeamUpstream implements Upstream {
  readonly #options: TeamUpstreamOptions;
  readonly #workers: HttpClient;

  constructor(options: TeamUpstreamOptions) {
    this.#options = options;
    this.#workers = new HttpClient(HTTP_CLIENT_LIMITS, (hostname) => options.ownership.socketOf(hostname));
  }

  fetch(request: UpstreamRequest, handler: UpstreamHandler): UpstreamFetch {
    const fields = without(request.fields, BETWEEN_WORKERS);
    const asked = { ...request, fields };
    if (request.method !== 'GET' && request.method !== 'HEAD') return this.#options.origins.fetch(asked, handler);
    return new TeamFetch(asked, handler, { ...this.#options, workers: this.#workers });
  }

  close(): void {
    this.#workers.close();
  }
}

interface TeamFetchOptions extends TeamUpstreamOptions {
  readonly workers: HttpClient;
}

/** One request, until somebody has begun to answer it. */
class TeamFetch implements UpstreamFetch {
  readonly #request: UpstreamRequest;
  readonly #handler: UpstreamHandler;
  readonly #options: TeamFetchOptions;
  #control: UpstreamFetch | null = null;
  #pause: NodeJS.Timeout | undefined;
  #attempts = 0;
  #isAborted = false;

  constructor(request: UpstreamRequest, handler: UpstreamHandler, options: TeamFetchOptions) {
    this.#request = request;
    this.#handler = handler;
    this.#options = options;
    this.#start();
  }

  resume(): void {
    this.#control?.resume();
  }

  abort(): void {
    this.#isAborted = true;
    if (this.#pause === undefined) return this.#control?.abort();
    clearTimeout(this.#pause);
    this.#fail('aborted', 'given up');
  }

  #fail(code: UpstreamErrorCode, detail: string): void {
    this.#handler.onError({ code, detail, bytesReceived: 0, isRetryable: false });
  }

  #start(): void {
    const { ownership, origins, workers, onFetch, onAsk } = this.#options;
    const { key, method, path, fields } = this.#request;
    const owner = this.#attempts < ATTEMPTS ? ownership.elsewhere(key) : null;
    if (owner === null && isOnlyIfCached(this.#request)) {
      // It became this worker's own meanwhile, and this worker had nothing.
      return queueMicrotask(() => this.#fail('unavailable', 'no cache is left to ask'));
    }
    if (owner === null) {
      if (method === 'GET') onFetch();
      this.#control = origins.fetch(this.#request, this.#handler);
      return;
    }
    const asked = {
      method,
      path,
      fields: [...naming(this.#request, owner), ...fields],
      body: null,
      isIdempotent: true,
    };
    onAsk();
    this.#control = workers.fetch(owner, asked, this.#hearing(), { headMs: HEAD_MS });
  }

  /** Who does not own it, or ends before a word, is not heard of: whoever does is asked. */
  #hearing(): UpstreamHandler {
    const handler = this.#handler;
    let hasHead = false;
    let isElsewhere = false;
    return {
      onInformation: (status, fields) => handler.onInformation(status, fields),
      onHead: (head) => {
        isElsewhere = isRefusal(head);
        if (isElsewhere) return;
        hasHead = true;
        handler.onHead(head);
      },
      onData: (chunk) => isElsewhere || handler.onData(chunk),
      onEnd: (trailers) => (isElsewhere ? this.#again() : handler.onEnd(trailers)),
      onError: (error) => (hasHead || this.#isAborted ? handler.onError(error) : this.#again()),
    };
  }

  #again(): void {
    const pauseMs = backoffMs(this.#attempts, { ...PAUSE, random: this.#options.random });
    this.#attempts += 1;
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      this.#start();
    }, pauseMs);
  }
}

/** What the owner must know besides the path. */
function naming({ key, zone }: UpstreamRequest, owner: string): FieldList {
  const [, host = ''] = key.split('\n');
  return ['Host', new URL(owner).host, ZONE, zone.name, ...(host === '' ? [] : [ZONE_HOST, host])];
}

function isRefusal({ status, fields }: UpstreamHead): boolean {
  return status === 421 && valueOf(fields, ZONE) !== undefined;
}
