/** How many requests may stand behind one another on a connection (RFC 9112 §9.3.2): each is held until it is answered. */

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Behind the one that is being answered. Browsers and players send none ahead. */
export const PIPELINE_LIMIT = 50;

/**
 * Cuts a connection on which more are sent ahead: what came with them is read all the same, but nothing of it stays. Of a server
 * that answers unknown expectations by itself, as `refuseOddities` makes it.
 */
export function capPipeline(server: Server): void {
  const waiting = new WeakMap<Socket, number>();
  const leave = (socket: Socket): void => void waiting.set(socket, (waiting.get(socket) ?? 0) - 1);
  const enter = ({ socket }: IncomingMessage, response: ServerResponse): void => {
    // An answer has the connection at once, unless another one has it.
    if (response.socket !== null) return;
    const count = (waiting.get(socket) ?? 0) + 1;
    waiting.set(socket, count);
    if (count > PIPELINE_LIMIT) socket.destroy();
    else response.once('socket', leave);
  };
  server.prependListener('request', enter);
  server.prependListener('checkExpectation', enter);
}
