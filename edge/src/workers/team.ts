/** A worker among the others of its node: it answers them as it does viewers. */

import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import type { Edge } from '../edge.ts';
import { type Ownership, socketPath } from './ownership.ts';
import { createSiblingServer } from './sibling-server.ts';

export interface Team {
  readonly ownership: Ownership;
  /** this one's number */
  readonly worker: number;
  /** where the workers have their sockets */
  readonly directory: string;
}

/**
 * Listens to the other workers.
 * @returns how to stop
 */
export async function joinTeam({ ownership, worker, directory }: Team, edge: Edge): Promise<() => Promise<void>> {
  const server = createSiblingServer(edge, ownership);
  const path = socketPath(directory, worker);
  // One that was killed leaves its socket behind.
  await rm(path, { force: true });
  server.listen(path);
  await once(server, 'listening');
  return async () => {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  };
}
