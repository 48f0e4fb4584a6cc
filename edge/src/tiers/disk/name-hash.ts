/** What a name is known by on disk. */

import { hash } from 'node:crypto';
import type { NameHash } from './index-block.ts';

/** 64 bits of SHA-256: two names that share them cost each other their place, not their truth, for a record has its name. */
export function hashOf(name: string): NameHash {
  const digest = hash('sha256', name, 'buffer');
  return { high: digest.readUInt32LE(0), low: digest.readUInt32LE(4) };
}
