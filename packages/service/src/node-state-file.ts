/**
 * What a node keeps on disk: the key pair that it shows itself by, and the feed, folded, so that it serves after a restart while
 * no control plane answers.
 */

import { type JsonWebKey, type KeyObject, createPrivateKey } from 'node:crypto';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { FeedPage } from '@headwater/protocol/feed';
import { FeedState } from '@headwater/protocol/feed-state';

/** The content of the file. */
export interface NodeState {
  /** Ed25519 */
  readonly privateKey: KeyObject;
  /** whether the control plane knows the key */
  readonly isEnrolled: boolean;
  readonly page: FeedPage | null;
}

interface StoredState extends Omit<NodeState, 'privateKey'> {
  readonly format: number;
  readonly privateKey: JsonWebKey;
}

const FORMAT = 2;

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
  const { format, privateKey, isEnrolled, page } = JSON.parse(text) as StoredState;
  if (format !== FORMAT) throw new Error(`${path} has format ${JSON.stringify(format)}, not ${FORMAT}`);
  // Folding the page into a scratch state finds a damaged one before the real state takes half of it.
  if (page !== null) new FeedState().apply(page);
  return { privateKey: createPrivateKey({ key: privateKey, format: 'jwk' }), isEnrolled, page };
}

/** Writes beside the file and renames, so that a crash leaves the old or the new one, whole. Secrets: for the owner alone. */
export async function writeNodeState(path: string, state: NodeState): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${process.pid}.new`;
  const file = await open(draft, 'w', 0o600);
  const stored: StoredState = { format: FORMAT, ...state, privateKey: state.privateKey.export({ format: 'jwk' }) };
  try {
    await file.writeFile(JSON.stringify(stored));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
}
