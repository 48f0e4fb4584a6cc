/** The connections to one target: bounded, the last used first, and a bounded queue of requests for when all are taken. */

import type { Connection, Dial } from './connection.ts';

export interface PoolLimits {
  /** open and being dialled */
  readonly connections: number;
  readonly queued: number;
}

export interface Applicant {
  /** no connection that was used before: a request that must not be sent twice must not meet one that is just closing */
  readonly isFresh: boolean;
  readonly onReady: (connection: Connection) => void;
  readonly onFailed: (error: Error) => void;
}

export class ConnectionPool {
  readonly #origin: URL;
  readonly #dial: Dial;
  readonly #limits: PoolLimits;
  readonly #onEmpty: () => void;
  readonly #idle: Connection[] = [];
  readonly #open = new Set<Connection>();
  readonly #queue = new Set<Applicant>();
  readonly #dialling = new Set<Applicant>();
  #dials = 0;
  #isClosed = false;

  constructor(
    origin: URL,
    options: { readonly dial: Dial; readonly limits: PoolLimits; readonly onEmpty: () => void },
  ) {
    this.#origin = origin;
    this.#dial = options.dial;
    this.#limits = options.limits;
    this.#onEmpty = options.onEmpty;
  }

  /**
   * Finds a connection for a request, at once or later.
   * @returns false when too many wait already
   */
  apply(applicant: Applicant): boolean {
    const connection = applicant.isFresh ? undefined : this.#takeIdle();
    if (connection !== undefined) {
      applicant.onReady(connection);
      return true;
    }
    if (this.#hasRoom()) {
      this.#dialFor(applicant);
      return true;
    }
    if (this.#queue.size >= this.#limits.queued) return false;
    this.#queue.add(applicant);
    return true;
  }

  /** Whether it stands in the queue: no connection is even on its way. */
  isQueued(applicant: Applicant): boolean {
    return this.#queue.has(applicant);
  }

  /** It does not want one any more; one that is being dialled for it serves somebody else. */
  withdraw(applicant: Applicant): void {
    this.#queue.delete(applicant);
    this.#dialling.delete(applicant);
  }

  /** A request has been answered on it. */
  giveBack(connection: Connection): void {
    if (!connection.isOpen || this.#isClosed) return connection.close();
    this.#idle.push(connection);
    this.#serveQueue();
  }

  /** Whether nobody uses it, or is about to. */
  get isIdle(): boolean {
    return this.#open.size === this.#idle.length && this.#dials + this.#queue.size === 0;
  }

  close(): void {
    this.#isClosed = true;
    for (const connection of this.#open) connection.close();
  }

  #takeIdle(): Connection | undefined {
    for (let one = this.#idle.pop(); one !== undefined; one = this.#idle.pop()) {
      if (one.isOpen) return one;
      one.close();
    }
    return undefined;
  }

  /** Room for one more; the connection that was idle longest makes some. */
  #hasRoom(): boolean {
    if (this.#open.size + this.#dials < this.#limits.connections) return true;
    const oldest = this.#idle.shift();
    if (oldest === undefined) return false;
    this.#open.delete(oldest);
    oldest.close();
    return true;
  }

  #dialFor(applicant: Applicant): void {
    this.#dialling.add(applicant);
    this.#dials += 1;
    this.#dial(this.#origin, (error, connection) => {
      this.#dials -= 1;
      const isWanted = this.#dialling.delete(applicant);
      if (connection !== null) this.#keep(connection);
      if (!isWanted) {
        if (connection !== null) this.giveBack(connection);
      } else if (connection !== null) applicant.onReady(connection);
      else applicant.onFailed(error ?? new Error('no connection'));
      this.#serveQueue();
    });
  }

  #keep(connection: Connection): void {
    this.#open.add(connection);
    connection.onClose(() => {
      this.#open.delete(connection);
      const index = this.#idle.indexOf(connection);
      if (index !== -1) this.#idle.splice(index, 1);
      this.#serveQueue();
    });
    if (this.#isClosed) connection.close();
  }

  /** Those who wait longest come first; each takes what it can use. */
  #serveQueue(): void {
    for (const applicant of this.#queue) {
      const connection = applicant.isFresh ? undefined : this.#takeIdle();
      if (connection === undefined && !this.#hasRoom()) break;
      this.#queue.delete(applicant);
      if (connection === undefined) this.#dialFor(applicant);
      else applicant.onReady(connection);
    }
    if (this.#open.size + this.#dials + this.#queue.size === 0) this.#onEmpty();
  }
}
