/** Asks the edges that run with a data directory to be replaced, one after the other, and waits until each is. */

import { readdir } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { CommandError } from './command-error.ts';

const SOCKET = /^(.+)\.sock$/;
/** `EX_TEMPFAIL` */
const NOT_REPLACED = 75;

/** What an edge says of a restart. */
interface Outcome {
  readonly isReplaced: boolean;
  readonly reason?: string;
}

/**
 * Restarts one edge, or all that run there.
 * @param id the node's; undefined for all
 * @throws CommandError when there is none, or one goes on as it was
 */
export async function restartEdges(
  dataDir: string,
  id: string | undefined,
  say: (line: string) => void,
): Promise<void> {
  const ids = id === undefined ? await edgesOf(dataDir) : [id];
  if (ids.length === 0) throw new CommandError(`no edge runs with the data directory ${dataDir}`);
  for (const each of ids) {
    const outcome = await ask(join(dataDir, `${each}.sock`)).catch(() => null);
    if (outcome === null) throw new CommandError(`${each} does not run with the data directory ${dataDir}`);
    const { isReplaced, reason = '' } = outcome;
    if (!isReplaced) throw new CommandError(`${each} goes on as it was: ${reason}`, NOT_REPLACED);
    say(`${each} is replaced`);
  }
}

async function edgesOf(dataDir: string): Promise<string[]> {
  const names = await readdir(dataDir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return names.flatMap((name) => SOCKET.exec(name)?.[1] ?? []).sort();
}

async function ask(socketPath: string): Promise<Outcome> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request({ socketPath, method: 'POST', path: '/restart' }, resolve).once('error', reject).end();
  });
  let text = '';
  for await (const piece of response.setEncoding('utf8')) text += String(piece);
  return JSON.parse(text) as Outcome;
}
