/**
 * The requests that wait for something: bounded in number, and one of each connection. What else comes on a connection stands
 * behind the one that waits, so a viewer who sends a thousand blocked requests down one line takes nobody's place.
 */
export class Waiters {
  readonly #limit: number;
  readonly #connections = new Set<object>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get count(): number {
    return this.#connections.size;
  }

  /** False when there are too many, or one of this connection is among them. */
  enter(connection: object): boolean {
    if (this.#connections.size >= this.#limit || this.#connections.has(connection)) return false;
    this.#connections.add(connection);
    return true;
  }

  leave(connection: object): void {
    this.#connections.delete(connection);
  }
}
