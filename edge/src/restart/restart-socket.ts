/** Where somebody on this machine asks for a restart and hears what became of it: a socket in the data directory, for its owner alone. */

import { once } from 'node:events';
import { chmod, mkdir, rename, rm } from 'node:fs/promises';
import { type Server, createServer } from 'node:http';
import { dirname } from 'node:path';
import type { Outcome } from './keeper.ts';

/** Each waits for a restart; any number of them are one. */
const MOST_CONNECTIONS = 16;

/**
 * Listens there until disposed of.
 * @throws Error when the path is none that a socket can have
 */
export async function listenForRestarts(path: string, restart: () => Promise<Outcome>): Promise<AsyncDisposable> {
  const server = createServer((request, response) => {
    request.resume();
    if (request.method !== 'POST' || request.url !== '/restart') return void response.writeHead(404).end();
    void restart().then((outcome) => response.end(JSON.stringify(outcome)));
  });
  server.maxConnections = MOST_CONNECTIONS;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  // One that was killed leaves its socket behind. At its end Node removes the name under which it began to listen.
  const ownPath = `${path}.${process.pid}`;
  await listenAt(server, ownPath);
  await chmod(ownPath, 0o600);
  await rename(ownPath, path);
  return {
    async [Symbol.asyncDispose]() {
      await rm(path, { force: true });
      server.closeAllConnections();
      await server[Symbol.asyncDispose]();
    },
  };
}

async function listenAt(server: Server, path: string): Promise<void> {
  server.listen(path);
  await once(server, 'listening');
}
