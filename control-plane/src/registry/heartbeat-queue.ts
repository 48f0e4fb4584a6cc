/**
 * Heartbeats on their way to the agent. A node has at most one that waits and one under way, and so many are under way at once:
 * an agent that is slow gets each node's newest word in turn, and no request whose deadline went by in a queue.
 */

import type { Clock } from '@headwater/service/clock';

interface HeartbeatQueueOptions {
  readonly clock: Clock;
  /** Tells the agent; never throws. @returns whether the agent took it */
  readonly send: (id: string) => Promise<boolean>;
}

/** An agent takes one heartbeat after the other, whatever the number of connections. */
export const UNDER_WAY_LIMIT = 16;
/** What the agent took a moment ago is not said again: a check has two seconds. */
const LEAST_GAP_MS = 500;

export class HeartbeatQueue {
  readonly #options: HeartbeatQueueOptions;
  /** in the order in which they came to wait */
  readonly #waiting = new Set<string>();
  readonly #underWay = new Set<string>();
  /** monotonic; when the agent last took one */
  readonly #takenAtMs = new Map<string, number>();

  constructor(options: HeartbeatQueueOptions) {
    this.#options = options;
  }

  /** A node was heard. */
  add(id: string): void {
    if (this.#options.clock.monotonicMs() - (this.#takenAtMs.get(id) ?? -Infinity) < LEAST_GAP_MS) return;
    this.#waiting.add(id);
    this.#sendNext();
  }

  /** Nothing is to be said of it any more, or all of it anew. */
  forget(id: string): void {
    this.#waiting.delete(id);
    this.#takenAtMs.delete(id);
  }

  #sendNext(): void {
    for (const id of this.#waiting) {
      if (this.#underWay.size >= UNDER_WAY_LIMIT) return;
      if (this.#underWay.has(id)) continue;
      this.#waiting.delete(id);
      void this.#sendOne(id);
    }
  }

  async #sendOne(id: string): Promise<void> {
    const startMs = this.#options.clock.monotonicMs();
    this.#underWay.add(id);
    const isTaken = await this.#options.send(id);
    this.#underWay.delete(id);
    if (isTaken) this.#takenAtMs.set(id, startMs);
    this.#sendNext();
  }
}
