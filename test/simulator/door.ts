/** A door before an edge that others ask: it can be shut, as a process that died leaves it, or let nothing through. */

import { once } from 'node:events';
import { type AddressInfo, type Server, type Socket, connect, createServer } from 'node:net';

export class Door implements AsyncDisposable {
  /** bytes that moved, in pieces */
  activity = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #port: () => number;
  #state: 'open' | 'shut' | 'stuck' = 'open';

  /** @param port of who is behind it */
  constructor(port: () => number) {
    this.#port = port;
    this.#server = createServer((outer) => this.#enter(outer));
  }

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  open(): void {
    if (this.#state === 'open') return;
    this.#state = 'open';
    // What stood still has been given up.
    this.#reset();
  }

  /** What is open is reset, and so is whatever comes. */
  shut(): void {
    this.#state = 'shut';
    this.#reset();
  }

  /** What is open stays open, and nothing moves any more. */
  stick(): void {
    this.#state = 'stuck';
    for (const socket of this.#sockets) socket.pause();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.shut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #reset(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  #enter(outer: Socket): void {
    this.#keep(outer);
    if (this.#state === 'shut') return void outer.resetAndDestroy();
    const inner = connect(this.#port(), '127.0.0.1');
    this.#keep(inner);
    this.#join(outer, inner);
    this.#join(inner, outer);
    if (this.#state === 'stuck') for (const socket of [outer, inner]) socket.pause();
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    // Its end is seen at the other side of the door.
    socket.on('error', () => undefined);
    socket.once('close', () => this.#sockets.delete(socket));
  }

  #join(from: Socket, to: Socket): void {
    from.setNoDelay(true);
    from.on('data', (chunk) => {
      this.activity += 1;
      if (!to.write(chunk)) from.pause();
    });
    to.on('drain', () => {
      if (this.#state === 'open') from.resume();
    });
    from.on('end', () => to.end());
    from.once('close', (hadError) => {
      if (hadError) to.resetAndDestroy();
      else to.destroySoon();
    });
  }
}
