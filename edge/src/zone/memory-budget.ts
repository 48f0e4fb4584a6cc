/** Memory that several share: each asks before it takes. Who needs none of it this moment gives it back when it runs out. */

/** Has taken some of it. */
interface Holder {
  /** Lets go of what can be had again. */
  giveBack(): void;
}

export class MemoryBudget {
  readonly #limitBytes: number;
  /** in the order in which they came */
  readonly #holders = new Set<Holder>();
  #heldBytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
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

  /** False when there is not so much left, nor to be had back. */
  reserve(bytes: number): boolean {
    for (const holder of this.#holders) {
      if (this.#heldBytes + bytes <= this.#limitBytes) break;
      holder.giveBack();
    }
    if (this.#heldBytes + bytes > this.#limitBytes) return false;
    this.#heldBytes += bytes;
    return true;
  }

  release(bytes: number): void {
    this.#heldBytes -= bytes;
  }
}
