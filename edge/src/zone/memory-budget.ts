/** Memory that several share: each asks before it takes. Who needs none of it this moment gives it back when it runs out. */

import type { Ledger } from '../unsent.ts';

/** Has taken some of it. */
interface Holder {
  /** Lets go of what can be had again. */
  giveBack(): void;
}

export class MemoryBudget {
  readonly #limitBytes: number;
  readonly #ledger: Ledger;
  /** in the order in which they came */
  readonly #holders = new Set<Holder>();
  #heldBytes = 0;

  /** @param ledger knows of memory that readers hold, too */
  constructor(limitBytes: number, ledger: Ledger) {
    this.#limitBytes = limitBytes;
    this.#ledger = ledger;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** From now on it is asked to give back. */
  enter(holder: Holder): void {
    this.#holders.add(holder);
  }

  leave(holder: Holder): void {
    this.#holders.delete(holder);
  }

  /**
   * Memory to be {@link release}d; null when there is not so much left, nor to be had back.
   * @param instead what it takes the place of: its bytes are copied, and it is released
   */
  take(bytes: number, instead: Buffer | null = null): Buffer | null {
    const more = bytes - (instead?.length ?? 0);
    for (const holder of this.#holders) {
      if (this.#heldBytes + more <= this.#limitBytes) break;
      holder.giveBack();
    }
    if (this.#heldBytes + more > this.#limitBytes) return null;
    this.#heldBytes += bytes;
    const memory = Buffer.allocUnsafeSlow(bytes);
    this.#ledger.keep(memory.buffer);
    if (instead !== null) {
      instead.copy(memory);
      this.release(instead);
    }
    return memory;
  }

  release(memory: Buffer): void {
    this.#heldBytes -= memory.length;
    this.#ledger.release(memory.buffer);
  }
}
