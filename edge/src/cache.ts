/** The RAM tier: whole objects by name, bounded by bytes, the least recently used go first. */

import { LRUCache } from 'lru-cache';
import type { Stored } from './stored.ts';

export type Cache = LRUCache<string, Stored>;

/** What an entry weighs beyond its body: the key, the header arrays, the list's own cells. */
const ENTRY_BYTES = 1_024;

/**
 * An empty cache. An object larger than the whole is not kept.
 * @param onDropped called with what it has no more
 */
export function createCache(limitBytes: number, onDropped: (stored: Stored) => void = () => undefined): Cache {
  const sizeCalculation = (stored: Stored): number => stored.body.length + ENTRY_BYTES;
  return new LRUCache({ maxSize: limitBytes, sizeCalculation, dispose: onDropped });
}
