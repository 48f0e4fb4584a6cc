/**
 * The requests that wait for something: bounded in number, and by connection. Of a connection of HTTP/1.1 one is answered at a
 * time, so a viewer who sends a thousand blocked requests down one line takes one place. HTTP/2's do not stand behind one
 * another.
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
    if (this.#count >= this.#limit) return false;
    const { shared } = socket;
    if (shared !== undefined) {
      const theirs = this.#byConnection.get(shared) ?? 0;
      if (theirs >= WAITERS_OF_SHARED) return false;
      this.#byConnection.set(shared, theirs + 1);
    }
    this.#count += 1;
    return true;
  }

  leave(socket: ViewerSocket): void {
    this.#count -= 1;
    const { shared } = socket;
    if (shared === undefined) return;
    const left = (this.#byConnection.get(shared) ?? 0) - 1;
    if (left > 0) this.#byConnection.set(shared, left);
    else this.#byConnection.delete(shared);
  }
}
