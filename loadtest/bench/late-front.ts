/** A door before a parent through which every so many requests get their answer late, as by a busy machine or a lossy way. */

import { once } from 'node:events';
import { type AddressInfo, type Socket, connect, createServer } from 'node:net';

interface LateFront extends AsyncDisposable {
  readonly url: string;
}

/** @param every the answer of one request in so many is held back for `lateMs` */
export async function startLateFront(port: number, every: number, lateMs: number): Promise<LateFront> {
  const sockets = new Set<Socket>();
  let requests = 0;
  const server = createServer((outer) => {
    const inner = connect(port, '127.0.0.1');
    for (const [socket, other] of [
      [outer, inner],
      [inner, outer],
    ] as const) {
      sockets.add(socket);
      socket
        .setNoDelay(true)
        .on('error', () => undefined)
        .once('close', () => {
          sockets.delete(socket);
          other.destroy();
        });
    }
    // A request without a body comes in one piece.
    outer.on('data', () => {
      requests += 1;
      if (requests % every !== 0) return;
      inner.unpipe(outer).pause();
      setTimeout(() => inner.pipe(outer), lateMs);
    });
    outer.pipe(inner);
    inner.pipe(outer);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
