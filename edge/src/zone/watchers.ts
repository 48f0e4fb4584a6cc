/** Those who wait for something to change, and are told that it has. */

import { type Patience, waitUntil } from '../patience.ts';

export class Watchers {
  readonly #watchers = new Set<() => void>();

  wake(): void {
    for (const watcher of this.#watchers) watcher();
  }

  /** Whether anything has changed by then. */
  change(patience: Patience): Promise<boolean> {
    let hasChanged = false;
    return waitUntil(
      () => hasChanged,
      patience,
      (check) => {
        const watcher = (): void => {
          hasChanged = true;
          check();
        };
        this.#watchers.add(watcher);
        return () => this.#watchers.delete(watcher);
      },
    );
  }
}
