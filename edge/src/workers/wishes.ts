/** What a worker wants all workers of its node to do: it asks the node, and waits until all have. */

import type { FromWorker } from './messages.ts';
import type { NamedObject } from './team.ts';

/** Beyond the time in which the node kills a worker that says nothing: the viewer who changed something is not left hanging. */
const PATIENCE_MS = 8_000;

export class Wishes {
  readonly #tell: (message: FromWorker) => void;
  readonly #open = new Map<number, () => void>();
  #wishes = 0;

  constructor(tell: (message: FromWorker) => void) {
    this.#tell = tell;
  }

  forget(objects: readonly NamedObject[]): Promise<void> {
    this.#wishes += 1;
    const wish = this.#wishes;
    return new Promise((resolve) => {
      const late = setTimeout(() => this.grant(wish), PATIENCE_MS);
      this.#open.set(wish, () => {
        clearTimeout(late);
        resolve();
      });
      this.#tell({ kind: 'forget', wish, objects });
    });
  }

  /** All have. */
  grant(wish: number): void {
    this.#open.get(wish)?.();
    this.#open.delete(wish);
  }
}
