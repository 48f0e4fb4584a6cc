/**
 * HTTP/1.1 to any number of targets: bounded connections, bounded queues, deadlines. One request goes to one target; only a
 * connection that was closing as the request went out is not its failure: then it is sent again on a fresh one.
 */

import { ConnectionPool } from './connection-pool.ts';
import { type ConnectionLimits, type SocketOf, createDial } from './connection.ts';
import { type Deadlines, Exchange, type ExchangeEnd, type OutgoingRequest } from './exchange.ts';
import type { UpstreamErrorCode } from './upstream-error.ts';
import type { UpstreamFetch, UpstreamHandler } from './upstream-handler.ts';

export interface HttpClientLimits extends ConnectionLimits, Deadlines {
  /** to one target, open or being dialled */
  readonly connections: number;
  /** requests to one target that wait for a connection */
  readonly queued: number;
  /** targets that there are connections to */
  readonly targets: number;
  /** from first to last byte; a body that moves may take long */
  readonly totalMs: number;
}

export const HTTP_CLIENT_LIMITS: HttpClientLimits = {
  connectMs: 2_000,
  headMs: 15_000,
  stallMs: 10_000,
  totalMs: 3_600_000,
  idleMs: 15_000,
  headBytes: 64 * 1024,
  interims: 16,
  connections: 256,
  queued: 1_024,
  targets: 1_024,
};

export class HttpClient {
  readonly #limits: HttpClientLimits;
  readonly #dial: ReturnType<typeof createDial>;
  readonly #pools = new Map<string, ConnectionPool>();
  readonly #open = new Set<HttpFetch>();

  constructor(limits: HttpClientLimits, socketOf: SocketOf = () => null) {
    this.#limits = limits;
    this.#dial = createDial(limits, socketOf);
  }

  /**
   * Sends a request.
   * @param target an absolute URL; its scheme and authority count
   * @param deadlines others than the client's own
   */
  fetch(
    target: string,
    request: OutgoingRequest,
    handler: UpstreamHandler,
    deadlines: Partial<Pick<HttpClientLimits, 'connectMs' | 'headMs' | 'stallMs' | 'totalMs'>> = {},
  ): UpstreamFetch {
    const limits = { ...this.#limits, ...deadlines };
    const fetching: HttpFetch = new HttpFetch({
      target,
      request,
      handler,
      limits,
      pool: () => this.#poolOf(target),
      onOver: () => this.#open.delete(fetching),
    });
    this.#open.add(fetching);
    queueMicrotask(() => fetching.start());
    return fetching;
  }

  /** Ends everything that is under way with `aborted`. */
  close(): void {
    for (const one of this.#open) one.abort();
    for (const pool of this.#pools.values()) pool.close();
  }

  /** @returns null when as many other targets as may be are in use */
  #poolOf(target: string): ConnectionPool | null {
    const origin = new URL(target);
    const key = origin.origin;
    const known = this.#pools.get(key);
    if (known !== undefined) return known;
    if (this.#pools.size >= this.#limits.targets && !this.#leaveOne()) return null;
    const onEmpty = (): void => void (this.#pools.get(key) === pool && this.#pools.delete(key));
    const pool: ConnectionPool = new ConnectionPool(origin, { dial: this.#dial, limits: this.#limits, onEmpty });
    this.#pools.set(key, pool);
    return pool;
  }

  /** Closes the connections to a target that nobody uses; false when all are used. */
  #leaveOne(): boolean {
    for (const [key, pool] of this.#pools) {
      if (!pool.isIdle) continue;
      this.#pools.delete(key);
      pool.close();
      return true;
    }
    return false;
  }
}

interface HttpFetchOptions {
  readonly target: string;
  readonly request: OutgoingRequest;
  readonly handler: UpstreamHandler;
  readonly limits: HttpClientLimits;
  readonly pool: () => ConnectionPool | null;
  readonly onOver: () => void;
}

/** One request under way: it waits for a connection, or it is on one. */
class HttpFetch implements UpstreamFetch {
  readonly #options: HttpFetchOptions;
  #exchange: Exchange | null = null;
  #withdraw: () => void = () => undefined;
  #timer: NodeJS.Timeout | undefined;
  #total: NodeJS.Timeout | undefined;
  #bytesReceived = 0;
  #isBodyBegun = false;
  #isOver = false;

  constructor(options: HttpFetchOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#isOver) return;
    const { limits, request } = this.#options;
    this.#total = setTimeout(() => this.#stop('timeout_total', `not over within ${limits.totalMs} ms`), limits.totalMs);
    this.#connect(!request.isIdempotent || request.body !== null);
  }

  resume(): void {
    this.#exchange?.resume();
  }

  abort(): void {
    this.#stop('aborted', 'given up');
  }

  #stop(code: UpstreamErrorCode, detail: string): void {
    if (this.#exchange !== null) this.#exchange.fail(code, detail);
    else this.#fail({ code, detail, mayHaveArrived: false, hasBegun: false });
  }

  #connect(isFresh: boolean): void {
    const { pool: find, limits } = this.#options;
    const pool = find();
    if (pool === null) return this.#stop('overloaded', `more than ${limits.targets} targets`);
    const applicant = {
      isFresh,
      onReady: (connection: Parameters<ConnectionPool['giveBack']>[0]) => {
        this.#leaveQueue();
        this.#exchangeOn(pool, connection);
      },
      onFailed: (error: Error) => {
        this.#leaveQueue();
        this.#stop('connect', error.message);
      },
    };
    this.#withdraw = () => pool.withdraw(applicant);
    this.#timer = setTimeout(() => {
      const code = pool.isQueued(applicant) ? 'overloaded' : 'timeout_connect';
      this.#stop(code, `no connection within ${limits.connectMs} ms`);
    }, limits.connectMs);
    if (!pool.apply(applicant)) this.#stop('overloaded', `more than ${limits.queued} requests wait`);
  }

  #leaveQueue(): void {
    clearTimeout(this.#timer);
    this.#withdraw();
    this.#withdraw = () => undefined;
  }

  #exchangeOn(pool: ConnectionPool, connection: Parameters<ConnectionPool['giveBack']>[0]): void {
    const { request, handler, limits, target } = this.#options;
    const wasUsed = connection.uses > 0;
    const { body } = request;
    this.#exchange = new Exchange({
      connection,
      request: body === null ? request : { ...request, body: this.#begin(body) },
      from: target,
      deadlines: limits,
      interimLimit: limits.interims,
      handler: {
        onInformation: (status, fields) => handler.onInformation(status, fields),
        onHead: (head) => handler.onHead(head),
        onData: (chunk) => {
          this.#bytesReceived += chunk.length;
          return handler.onData(chunk);
        },
        onEnd: (trailers) => {
          // undici has its own say about the connection after this.
          queueMicrotask(() => pool.giveBack(connection));
          this.#finish();
          handler.onEnd(trailers);
        },
      },
      onFailed: (end) => {
        this.#exchange = null;
        const isStale = wasUsed && end.code === 'reset' && !end.hasBegun;
        if (isStale && this.#mayRepeat(end)) this.#connect(true);
        else this.#fail(end);
      },
    });
    this.#exchange.start();
  }

  async *#begin(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    this.#isBodyBegun = true;
    yield* body;
  }

  #mayRepeat({ mayHaveArrived, hasBegun }: ExchangeEnd): boolean {
    if (hasBegun || this.#isBodyBegun) return false;
    return this.#options.request.isIdempotent || !mayHaveArrived;
  }

  #finish(): void {
    this.#isOver = true;
    clearTimeout(this.#total);
    this.#leaveQueue();
    this.#options.onOver();
  }

  #fail(end: ExchangeEnd): void {
    if (this.#isOver) return;
    this.#finish();
    const { code, detail } = end;
    const isOurs = code === 'aborted' || code === 'invalid_request' || code === 'request_body';
    const error = { code, detail, bytesReceived: this.#bytesReceived, isRetryable: !isOurs && this.#mayRepeat(end) };
    this.#options.handler.onError(error);
  }
}
