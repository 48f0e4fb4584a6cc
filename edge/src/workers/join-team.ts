/** A worker begins to answer the others of its node. */

import { once } from 'node:events';
import { rename } from 'node:fs/promises';
import type { Edge } from '../edge.ts';
import { socketPath } from './ownership.ts';
import { createSiblingServer } from './sibling-server.ts';
import type { Team } from './team.ts';

/**
 * Listens to the other workers.
 * @returns how to stop
 */
export async function joinTeam({ ownership, worker, directory }: Team, edge: Edge): Promise<() => Promise<void>> {
  const server = createSiblingServer(edge, ownership);
  const path = socketPath(directory, worker);
  // One that was killed leaves its socket behind, and one that is replaced still has it. At its end Node removes the name under
  // which it began to listen, which by then may be another's.
  const ownPath = `${path}.${process.pid}`;
  server.listen(ownPath);
  await once(server, 'listening');
  await rename(ownPath, path);
  return async () => {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  };
}
