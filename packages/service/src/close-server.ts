/** How a service's HTTP server ends. */

import type { Server } from 'node:http';
import { Server as NetServer } from 'node:net';

/**
 * Takes no connection any more, and loses no request: a connection that is idle may have one on its way, so it stays until it was
 * answered once more. The answers have to say that they are the last (RFC 9112 §9.6).
 * @param withinMs what is open then is cut
 */
export async function retireServer(server: Server, withinMs: number): Promise<void> {
  // That of node:http closes idle connections, too.
  const closed = new Promise<void>((resolve) => NetServer.prototype.close.call(server, () => resolve()));
  const late = setTimeout(() => server.closeAllConnections(), withinMs);
  await closed;
  clearTimeout(late);
}

/**
 * Takes no connection any more, and comes back when the last one is closed.
 * @param answersMs answers under way have so long to end; who does not read his, or never ends his request, is cut then
 */
export async function closeServer(server: Server, answersMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const late = setTimeout(() => server.closeAllConnections(), answersMs);
  await closed;
  clearTimeout(late);
}
