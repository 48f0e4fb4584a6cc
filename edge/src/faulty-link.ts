/** The line between an edge and its origin, for tests: sound until it is told otherwise. */

import { once } from 'node:events';
import { type AddressInfo, type Server, type Socket, connect, createServer } from 'node:net';

/** `hangs`: connections are taken and nothing moves on any. `babbles`: whatever is sent is answered by what is no HTTP. */
export type LinkState = 'sound' | 'hangs' | 'refuses' | 'babbles';

export class FaultyLink implements AsyncDisposable {
  readonly #server: Server;
  readonly #targetPort: number;
  readonly #open = new Set<Socket>();
  #state: LinkState = 'sound';

  private constructor(targetPort: number) {
    this.#targetPort = targetPort;
    this.#server = createServer((near) => this.#join(near));
  }

  static async to(url: string): Promise<FaultyLink> {
    const link = new FaultyLink(Number(new URL(url).port));
    link.#server.listen(0, '127.0.0.1');
    await once(link.#server, 'listening');
    return link;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** What is under way meets it too. */
  become(state: LinkState): void {
    this.#state = state;
    for (const socket of this.#open) {
      if (state === 'hangs') socket.pause();
      else socket.destroy();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(near: Socket): void {
    this.#keep(near);
    if (this.#state === 'hangs') return void near.pause();
    if (this.#state === 'refuses') return void near.destroy();
    if (this.#state === 'babbles') return void near.on('data', () => near.write('\u0000\u0001 220 babble\r\n\r\n'));
    const far = connect(this.#targetPort, '127.0.0.1');
    this.#keep(far);
    near.on('data', (chunk) => far.write(chunk));
    far.on('data', (chunk) => near.write(chunk));
    near.once('close', () => far.destroy());
    far.once('close', () => near.destroy());
  }

  #keep(socket: Socket): void {
    this.#open.add(socket);
    // What breaks one side ends the other, by `close`.
    socket.on('error', () => undefined);
    socket.once('close', () => this.#open.delete(socket));
  }
}
