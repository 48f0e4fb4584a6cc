/** Where workers keep what they have on disk: each in a directory of its own, below the node's. */

import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isPurgeLog } from '../tiers/disk/purge-log.ts';
import { isVolumeFile } from '../tiers/disk/volume.ts';

const WORKERS = /^worker-(\d+)$/;

/** What is on disk is found again by the worker that has the same number. */
export function workersDirectory(cacheDirectory: string, worker: number): string {
  return join(cacheDirectory, `worker-${worker}`);
}

/**
 * Removes what a node of another number of workers has left: nobody would look there any more, nor count it.
 * @param workers 1: there are no directories of workers
 */
export async function removeStrays(cacheDirectory: string, workers: number): Promise<void> {
  const names = await readdir(cacheDirectory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
    throw error;
  });
  const strays = names.filter((name) => {
    const worker = WORKERS.exec(name)?.[1];
    if (workers === 1) return worker !== undefined;
    // What else stands there is not ours: a disk that is mounted there has a directory that only its system may read.
    return worker === undefined ? isVolumeFile(name) || isPurgeLog(name) : Number(worker) > workers;
  });
  await Promise.all(strays.map((name) => rm(join(cacheDirectory, name), { recursive: true, force: true })));
}
