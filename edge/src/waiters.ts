/**
 * The requests that wait for something: bounded in number, and by connection. What else comes on a connection of HTTP/1.1 stands
 * behind the one that waits, so a viewer who sends a thousand blocked requests down one line takes nobody's place. HTTP/2's do
 * not stand behind one another.
 */

import type { ViewerSocket } from './viewer-exchange.ts';

/** Of one connection that requests share: a playlist and a part of each of a player's tracks, and the segments it fetches. */
export const WAITERS_OF_SHARED = 16;

export class Waiters {
  readonly #limit: number;
  readonly #byConnection = new Map<object, number>();
  #count = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get count(): number {
    return this.#count;
  }

  /** False when there are too many, or too many of this connection among them. */
  enter(socket: ViewerSocket): boolean {
    const connection = socket.shared ?? socket;
    const theirs = this.#byConnection.get(connection) ?? 0;
    const theirLimit = socket.shared === undefined ? 1 : WAITERS_OF_SHARED;
    if (this.#count >= this.#limit || theirs >= theirLimit) return false;
    this.#count += 1;
    this.#byConnection.set(connection, theirs + 1);
    return true;
  }

  leave(socket: ViewerSocket): void {
    const connection = socket.shared ?? socket;
    const left = (this.#byConnection.get(connection) ?? 0) - 1;
    this.#count -= 1;
    if (left > 0) this.#byConnection.set(connection, left);
    else this.#byConnection.delete(connection);
  }
}
