/**
 * Answers that their connections have not taken whole. Many who read one object hold it once, and nothing more while the cache
 * has it. What the cache has dropped is held by its readers alone; that is bounded: beyond, those who read what was dropped
 * first are cut off.
 */

import type { Stored } from './stored.ts';
import type { ViewerResponse } from './viewer-exchange.ts';

interface UnsentOptions {
  /** memory of what readers alone hold */
  readonly limitBytes: number;
  /** whether the cache has this very object */
  readonly isKept: (stored: Stored) => boolean;
  readonly onCut: () => void;
}

export class Unsent {
  readonly #options: UnsentOptions;
  readonly #readers = new Map<Stored, Set<ViewerResponse>>();
  /** those that the cache does not have, in the order in which it came so */
  readonly #dropped = new Set<Stored>();
  #heldBytes = 0;

  constructor(options: UnsentOptions) {
    this.#options = options;
  }

  /** The memory of what readers alone hold. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** An answer was handed over. What the kernel has taken at once is held by nobody. */
  add(stored: Stored, response: ViewerResponse): void {
    if (response.writableLength === 0 || response.req.socket.destroyed) return;
    const readers = this.#readers.get(stored) ?? new Set();
    this.#readers.set(stored, readers.add(response));
    response.once('close', () => {
      if (readers.delete(response) && readers.size === 0) this.#forget(stored);
    });
    if (!this.#options.isKept(stored)) this.drop(stored);
  }

  /** The cache has it no more. */
  drop(stored: Stored): void {
    if (!this.#readers.has(stored) || this.#dropped.has(stored)) return;
    this.#dropped.add(stored);
    this.#heldBytes += stored.body.length;
    for (const first of this.#dropped) {
      if (this.#heldBytes <= this.#options.limitBytes) return;
      this.#cut(first);
    }
  }

  #cut(stored: Stored): void {
    const readers = this.#readers.get(stored) ?? new Set();
    const sockets = [...readers].map(({ req }) => req.socket);
    // Who asks for it next begins a count of its own.
    readers.clear();
    this.#forget(stored);
    for (const socket of sockets) {
      if (socket.destroyed) continue;
      socket.destroy();
      this.#options.onCut();
    }
  }

  #forget(stored: Stored): void {
    this.#readers.delete(stored);
    if (this.#dropped.delete(stored)) this.#heldBytes -= stored.body.length;
  }
}
