/** How a service's HTTP server ends. */

import type { Server } from 'node:http';

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
