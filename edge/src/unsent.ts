/**
 * Memory that answers are sent from while their connections have not taken it. Many who read one object hold it once, and
 * nothing more while the edge has it anyway. What the edge has no more, and what was copied for one connection, is held by its
 * readers alone; that is bounded: beyond, those of them who have been waited for longest are cut off.
 */

import { cutSocket } from './cut.ts';
import type { ViewerResponse } from './viewer-exchange.ts';

interface UnsentOptions {
  /** memory of what readers alone hold */
  readonly limitBytes: number;
  readonly onCut: () => void;
}

interface Read {
  readonly sizeBytes: number;
  readonly readers: Set<ViewerResponse>;
  /** held by them alone */
  isDropped: boolean;
}

/** Is told what memory the edge has, whoever reads it. */
export type Ledger = Pick<Unsent, 'keep' | 'release'>;

/** Ends what a reader holds, before its answer is over. */
type Leave = () => void;

export class Unsent {
  readonly #options: UnsentOptions;
  /** what the edge has, whoever reads it, and in how many places */
  readonly #kept = new Map<object, number>();
  /** what somebody has not taken yet; what is waited for longest comes first */
  readonly #read = new Map<object, Read>();
  #heldBytes = 0;
  #waiting = 0;

  constructor(options: UnsentOptions) {
    this.#options = options;
  }

  /** The memory of what readers alone hold. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Answers that wait for their connections to take more. */
  get waiting(): number {
    return this.#waiting;
  }

  /** The edge has it, in one place more. */
  keep(memory: object): void {
    this.#kept.set(memory, (this.#kept.get(memory) ?? 0) + 1);
    const read = this.#read.get(memory);
    if (read !== undefined) this.#setDropped(read, false);
  }

  /** The edge has it in one place less. */
  release(memory: object): void {
    const left = (this.#kept.get(memory) ?? 1) - 1;
    if (left > 0) return void this.#kept.set(memory, left);
    this.#kept.delete(memory);
    this.#drop(memory);
  }

  /**
   * Something was handed over. What the kernel has taken at once is held by nobody.
   * @param memory what is kept for the connection's sake, as it is {@link keep}t
   * @returns to be called when the connection has taken it; that it is over is heard here
   */
  add(memory: object, sizeBytes: number, response: ViewerResponse): Leave {
    if (response.writableLength === 0 || response.req.socket.destroyed) return () => undefined;
    const { copiedBytes = 0 } = response;
    this.#waiting += 1;
    this.#enter(memory, sizeBytes, response);
    if (copiedBytes > 0) this.#enter(response, copiedBytes, response);
    let isOver = false;
    const leave = (): void => {
      if (isOver) return;
      isOver = true;
      response.off('close', leave);
      this.#waiting -= 1;
      this.#leave(memory, response);
      this.#leave(response, response);
    };
    response.once('close', leave);
    return leave;
  }

  #enter(memory: object, sizeBytes: number, response: ViewerResponse): void {
    const read = this.#read.get(memory) ?? { sizeBytes, readers: new Set(), isDropped: false };
    this.#read.set(memory, read);
    read.readers.add(response);
    if (!this.#kept.has(memory)) this.#drop(memory);
  }

  #leave(memory: object, response: ViewerResponse): void {
    const read = this.#read.get(memory);
    if (read?.readers.delete(response) === true && read.readers.size === 0) this.#forget(memory, read);
  }

  #drop(memory: object): void {
    const dropped = this.#read.get(memory);
    if (dropped === undefined) return;
    this.#setDropped(dropped, true);
    if (this.#heldBytes <= this.#options.limitBytes) return;
    for (const [first, read] of this.#read) {
      if (!read.isDropped) continue;
      this.#cut(first, read);
      if (this.#heldBytes <= this.#options.limitBytes) return;
    }
  }

  #cut(memory: object, read: Read): void {
    const sockets = [...read.readers].map(({ req }) => req.socket);
    // Who asks for it next begins a count of its own.
    read.readers.clear();
    this.#forget(memory, read);
    for (const socket of sockets) {
      if (socket.destroyed) continue;
      cutSocket(socket);
      this.#options.onCut();
    }
  }

  #forget(memory: object, read: Read): void {
    this.#setDropped(read, false);
    this.#read.delete(memory);
  }

  #setDropped(read: Read, isDropped: boolean): void {
    if (read.isDropped === isDropped) return;
    read.isDropped = isDropped;
    this.#heldBytes += isDropped ? read.sizeBytes : -read.sizeBytes;
  }
}
