/** A door before an edge, for tests: it can be slammed as `kill -9` does, or let nothing through as a machine that hangs. */

import { once } from 'node:events';
import { type AddressInfo, type Socket, connect, createServer } from 'node:net';

export interface TcpFront extends AsyncDisposable {
  readonly url: string;
  /** where connections go from now on */
  port: number;
  /** connections so far */
  readonly connections: number;
  /** what is open stays open, and nothing moves any more */
  hang(): void;
  /** what is open is reset, and nobody listens any more */
  kill(): void;
}

export async function startTcpFront(port = 0): Promise<TcpFront> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let isHanging = false;
  let connections = 0;
  const server = createServer((outer) => {
    connections += 1;
    const inner = connect(front.port, '127.0.0.1');
    const pair = [outer, inner] as const;
    pairs.add(pair);
    for (const [from, to] of [pair, [inner, outer] as const]) {
      from
        .on('error', () => undefined)
        .once('close', () => {
          pairs.delete(pair);
          to.destroy();
        });
      if (!isHanging) from.pipe(to);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const front: TcpFront = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    port,
    get connections() {
      return connections;
    },
    hang() {
      isHanging = true;
      for (const [outer, inner] of pairs) {
        outer.unpipe();
        inner.unpipe();
      }
    },
    kill() {
      server.close();
      for (const [outer, inner] of pairs) {
        outer.resetAndDestroy();
        inner.destroy();
      }
    },
    async [Symbol.asyncDispose]() {
      front.kill();
      if (server.listening) await once(server, 'close');
    },
  };
  return front;
}
