/**
 * Fills that wait for readers who are far behind. Each keeps a connection to its upstream, so there are so many at once; beyond,
 * the one that has waited longest is let go, and taken up again when somebody wants the rest.
 */

/** A quarter of the connections that there may be to one origin. */
export const STALLED_FILLS = 64;

interface Stalled {
  suspend(): void;
}

export class StalledFills {
  readonly #limit: number;
  /** the one that has waited longest comes first */
  readonly #fills = new Set<Stalled>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  enter(fill: Stalled): void {
    this.#fills.add(fill);
    const [oldest] = this.#fills;
    if (this.#fills.size > this.#limit) oldest?.suspend();
  }

  /** It goes on, or is over. */
  leave(fill: Stalled): void {
    this.#fills.delete(fill);
  }
}
