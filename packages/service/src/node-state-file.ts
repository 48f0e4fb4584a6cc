/** What a node keeps on disk, so that it serves after a restart while no control plane answers: the feed, folded, and its credential. */

import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { FeedPage } from '@headwater/protocol/feed';
import { FeedState } from '@headwater/protocol/feed-state';

/** The content of the file. */
export interface NodeState {
  readonly credential: string | null;
  readonly page: FeedPage | null;
}

const FORMAT = 1;

/**
 * Reads the file.
 * @returns null when there is none
 * @throws Error when there is one that cannot be read as what {@link writeNodeState} wrote
 */
export async function readNodeState(path: string): Promise<NodeState | null> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (text === null) return null;
  const { format, credential, page } = JSON.parse(text) as NodeState & { readonly format?: unknown };
  if (format !== FORMAT) throw new Error(`${path} has format ${JSON.stringify(format)}, not ${FORMAT}`);
  // Folding the page into a scratch state finds a damaged one before the real state takes half of it.
  if (page !== null) new FeedState().apply(page);
  return { credential, page };
}

/** Writes beside the file and renames, so that a crash leaves the old or the new one, whole. Secrets: for the owner alone. */
export async function writeNodeState(path: string, state: NodeState): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${process.pid}.new`;
  const file = await open(draft, 'w', 0o600);
  try {
    await file.writeFile(JSON.stringify({ format: FORMAT, ...state }));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
}
