/** A bearer token for people or nodes: given by configuration, or else made once and kept in a file of the data directory. */

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Reads the file, or makes it, readable by its owner alone. */
export function keptToken(path: string): string {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  try {
    writeFileSync(path, `${randomBytes(24).toString('base64url')}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const token = readFileSync(path, 'utf8').trim();
  if (token === '') throw new Error(`${path} is empty; delete it to have a new token made`);
  return token;
}

/** What is kept of a credential. It is random, so a plain hash cannot be searched backwards. */
export function credentialHash(credential: string): string {
  return createHash('sha256').update(credential).digest('base64url');
}

/** Compares by hash, in a time that tells neither content nor length. */
export function isSameToken(given: string, expected: string): boolean {
  return timingSafeEqual(createHash('sha256').update(given).digest(), createHash('sha256').update(expected).digest());
}
