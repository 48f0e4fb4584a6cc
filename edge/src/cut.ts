/** How an answer is cut off. */

import type { ViewerSocket } from './viewer-exchange.ts';

/**
 * Cuts a connection, or a stream of one, so that nobody takes its end for that of a body: to HTTP/1.0 the end of the connection
 * may be that. A TLS connection says itself that it was not ended (RFC 8446 §6.1). What the kernel has not sent yet goes, too.
 */
export function cutSocket(socket: ViewerSocket): void {
  // Only TCP knows a reset; a worker that asks another by a Unix socket has no address.
  const isTcp = socket.encrypted !== true && socket.remoteAddress !== undefined;
  if (isTcp && socket.resetAndDestroy !== undefined) socket.resetAndDestroy();
  else socket.destroy();
}
