/** A way to a server that counts its connections and can fall silent, as a network does that drops what it carries. */

import { once } from 'node:events';
import { type Socket, connect, createServer } from 'node:net';
import { freePorts } from './test-ports.ts';

export interface TestRelay extends AsyncDisposable {
  readonly port: number;
  /** connections that were open at once */
  most(): number;
  /** From now on the connections that there are carry nothing, and are not closed either; new ones do. */
  silence(): void;
}

export async function startTestRelay(target: number): Promise<TestRelay> {
  const [port = 0] = await freePorts(1);
  const pairs = new Set<readonly [Socket, Socket]>();
  let most = 0;
  const server = createServer((socket) => {
    const behind = connect(target, '127.0.0.1');
    const pair = [socket, behind] as const;
    pairs.add(pair);
    most = Math.max(most, pairs.size);
    socket.pipe(behind).pipe(socket);
    for (const end of pair) {
      end.on('error', () => undefined);
      end.on('close', () => {
        pairs.delete(pair);
        for (const other of pair) other.destroy();
      });
    }
  }).listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    port,
    most: () => most,
    silence() {
      for (const pair of pairs) for (const end of pair) end.unpipe().pause();
    },
    async [Symbol.asyncDispose]() {
      for (const pair of pairs) for (const end of pair) end.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
