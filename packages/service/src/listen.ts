/** Binding a port, with an error that names the variable to change. */

import type { AddressInfo, Server } from 'node:net';

/** A port could not be bound. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
}

/** Connections that came and were not taken yet. With Node's 511, of a thousand that come at once half wait for a second or seven. */
const BACKLOG = 4_096;

interface ListenOptions {
  readonly port: number;
  readonly host?: string;
  /** other processes may listen there too, and get their share of the connections */
  readonly reusePort?: boolean;
  /** a socket that another process listens on, or has until now: then nothing is bound */
  readonly listener?: object;
  /** the environment variable that sets the port, for the message */
  readonly variable: string;
}

/**
 * Listens, and returns the port that was bound (which differs from the wanted one when that was 0).
 * @throws ListenError when the port is taken or may not be bound
 */
export async function listen(server: Server, options: ListenOptions): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      reject(listenError(cause, options));
    });
    const { port, host, reusePort = false, listener } = options;
    server.listen(listener ?? { port, host, reusePort, backlog: BACKLOG }, () => {
      server.removeAllListeners('error');
      resolve();
    });
  });
  return (server.address() as AddressInfo).port;
}

/** What to say of a port that could not be bound, for sockets of other kinds as well. */
export function listenError(cause: NodeJS.ErrnoException, options: ListenOptions): ListenError {
  return new ListenError(explain(cause, options), { cause });
}

function explain(cause: NodeJS.ErrnoException, options: ListenOptions): string {
  const where = `port ${options.port} (${options.variable})`;
  if (cause.code === 'EADDRINUSE') return `${where} is taken; set ${options.variable} to a free port`;
  if (cause.code === 'EACCES') return `${where} needs more rights; set ${options.variable} to a port above 1023`;
  return `${where} cannot be bound: ${cause.message}`;
}
