/** The RAM tier: whole objects by name, bounded by bytes, the least recently used go first. */

import { LRUCache } from 'lru-cache';
import type { Stored } from './stored.ts';

export type Cache = LRUCache<string, Stored>;

/** What an entry weighs beyond its body: the key, the header arrays, the list's own cells. */
const ENTRY_BYTES = 1_024;

interface Watching {
  /** called with what it has now */
  readonly onKept?: (stored: Stored) => void;
  /** called with what it has no more */
  readonly onDropped?: (stored: Stored) => void;
  /** called when it has taken something */
  readonly onGrown?: () => void;
}

/** An empty cache. An object larger than the whole is not kept. */
export function createCache(limitBytes: number, { onKept, onDropped, onGrown }: Watching = {}): Cache {
  return new LRUCache<string, Stored>({
    maxSize: limitBytes,
    sizeCalculation: (stored) => stored.body.length + ENTRY_BYTES,
    dispose: (stored) => onDropped?.(stored),
    onInsert: (stored, _, how) => {
      if (how !== 'update') onKept?.(stored);
      onGrown?.();
    },
  });
}
