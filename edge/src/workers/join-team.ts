/** A worker begins to answer the others of its node. */

import { once } from 'node:events';
import { rm } from 'node:fs/promises';
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
