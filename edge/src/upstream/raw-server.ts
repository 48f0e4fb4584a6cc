/** A server for tests that says exactly the bytes that it is told to. */

import { once } from 'node:events';
import { type AddressInfo, type Socket, createServer } from 'node:net';

/** What a test's server does with a connection that has sent a whole request head. */
export type Respond = (socket: Socket, request: string, nth: number) => void;

export interface RawServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** the requests so far, each with what came of its body in the same piece */
  readonly requests: readonly string[];
  readonly connections: number;
  /** connections that have not closed */
  readonly open: number;
  /** resets every open connection */
  reset(): void;
  /** writes to every open connection, and waits until that is out */
  write(data: Buffer): Promise<void>;
}

export async function startRawServer(respond: Respond): Promise<RawServer> {
  const sockets = new Set<Socket>();
  const requests: string[] = [];
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('close', () => sockets.delete(socket)).on('error', () => undefined);
    let text = '';
    socket.on('data', (data: Buffer) => {
      text += data.toString('latin1');
      for (let end = text.indexOf('\r\n\r\n'); end !== -1; end = text.indexOf('\r\n\r\n')) {
        const head = text.slice(0, end + 4);
        const isBodied = /^(?:content-length: [1-9]|transfer-encoding)/im.test(head);
        const request = isBodied ? text : head;
        text = isBodied ? '' : text.slice(end + 4);
        requests.push(request);
        respond(socket, request, requests.length);
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    requests,
    get connections() {
      return connections;
    },
    get open() {
      return sockets.size;
    },
    reset() {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    async write(data) {
      await Promise.all([...sockets].map((socket) => new Promise((resolve) => socket.write(data, resolve))));
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
