/** Who wants to know that something changed. One that throws has not heard of it, and is told again. */

export class ChangeListeners {
  readonly #listeners = new Set<() => void>();
  readonly #owed = new Set<() => void>();
  readonly #onError: (error: unknown) => void;

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  add(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
      this.#owed.delete(listener);
    };
  }

  notify(): void {
    for (const listener of this.#listeners) this.#tell(listener);
  }

  /** Tells those again that threw. Called a few times a second. */
  retry(): void {
    // A copy: one that throws again is owed again.
    const owed = [...this.#owed];
    for (const listener of owed) this.#tell(listener);
  }

  #tell(listener: () => void): void {
    this.#owed.delete(listener);
    try {
      listener();
    } catch (error) {
      this.#owed.add(listener);
      this.#onError(error);
    }
  }
}
