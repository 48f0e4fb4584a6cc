/** One address in front of several servers, as a load balancer of TCP: each connection goes to the first that takes it. */

import { type Socket, connect, createServer } from 'node:net';
import { listen } from '@headwater/service/listen';

export interface Balancer extends AsyncDisposable {
  readonly port: number;
}

/** @param targets ports of loopback, the preferred one first */
export async function startBalancer(targets: readonly number[]): Promise<Balancer> {
  const open = new Set<Socket>();
  const server = createServer((client) => {
    keep(client);
    void join(client, targets);
  });
  const port = await listen(server, { port: 0, host: '127.0.0.1', variable: 'none' });

  function keep(socket: Socket): void {
    open.add(socket);
    // What breaks one side ends the other, by `close`.
    socket.on('error', () => undefined);
    socket.once('close', () => open.delete(socket));
  }

  async function join(client: Socket, [target, ...others]: readonly number[]): Promise<void> {
    if (target === undefined) return void client.destroy();
    const behind = connect(target, '127.0.0.1');
    keep(behind);
    const isTaken = await new Promise<boolean>((resolve) => {
      behind.once('connect', () => resolve(true));
      behind.once('close', () => resolve(false));
    });
    if (!isTaken) return join(client, others);
    client.pipe(behind).pipe(client);
    client.once('close', () => behind.destroy());
    behind.once('close', () => client.destroy());
  }

  return {
    port,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
