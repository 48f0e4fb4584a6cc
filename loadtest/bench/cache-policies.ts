/** What decides what stays in RAM: the edge's, and two that it is compared with. */

import { FrequencySketch } from '@headwater/edge/src/tiers/admission.ts';
import { RamTier } from '@headwater/edge/src/tiers/ram.ts';
import { LRUCache } from 'lru-cache';

export interface CachePolicy {
  has(name: number): boolean;
  put(name: number, bytes: number): void;
}

interface Sized {
  readonly bytes: number;
}

/** Everything is let in; the least recently used goes. */
export function noAdmission(limitBytes: number): CachePolicy {
  const held = new LRUCache<number, Sized>({ maxSize: limitBytes, sizeCalculation: ({ bytes }) => bytes });
  return {
    has: (name) => held.get(name) !== undefined,
    put: (name, bytes) => void held.set(name, { bytes }),
  };
}

/** The edge's RAM tier. */
export function ramTier(limitBytes: number): CachePolicy {
  const held = new RamTier<Sized>({
    mostBytes: limitBytes,
    limitBytes: () => limitBytes,
    onDropped: () => undefined,
  });
  return {
    has: (name) => held.get(String(name), hashOf(name)) !== undefined,
    put: (name, bytes) => held.put(String(name), { bytes }, { bytes, hash: hashOf(name) }),
  };
}

/**
 * S3-FIFO (Yang, Zhang, Qiu, Yue, Rashmi: FIFO queues are all you need for cache eviction, SOSP 2023), by bytes: a small queue
 * of a tenth, a main queue, and the names of what left the small one.
 */
export function s3Fifo(limitBytes: number): CachePolicy {
  const small = new Map<number, { readonly bytes: number; uses: number }>();
  const main = new Map<number, { readonly bytes: number; uses: number }>();
  const ghosts = new LRUCache<number, Sized>({ maxSize: limitBytes, sizeCalculation: ({ bytes }) => bytes });
  let smallBytes = 0;
  let mainBytes = 0;
  const heldBytes = (): number => smallBytes + mainBytes;
  const evictMain = (): void => {
    for (const [name, held] of main) {
      main.delete(name);
      if (held.uses === 0) {
        mainBytes -= held.bytes;
        return;
      }
      main.set(name, { bytes: held.bytes, uses: held.uses - 1 });
    }
  };
  const evictSmall = (): void => {
    for (const [name, { bytes, uses }] of small) {
      small.delete(name);
      smallBytes -= bytes;
      if (uses <= 1) {
        ghosts.set(name, { bytes });
        return;
      }
      main.set(name, { bytes, uses: 0 });
      mainBytes += bytes;
      if (mainBytes > limitBytes * 0.9) return evictMain();
    }
  };
  return {
    has(name) {
      const held = small.get(name) ?? main.get(name);
      if (held === undefined) return false;
      held.uses = Math.min(3, held.uses + 1);
      return true;
    },
    put(name, bytes) {
      while (heldBytes() > limitBytes - bytes) {
        if (smallBytes >= limitBytes * 0.1 || main.size === 0) evictSmall();
        else evictMain();
      }
      if (ghosts.delete(name)) {
        main.set(name, { bytes, uses: 0 });
        mainBytes += bytes;
      } else {
        small.set(name, { bytes, uses: 0 });
        smallBytes += bytes;
      }
    },
  };
}

function hashOf(name: number): number {
  return Math.imul(name ^ (name >>> 16), 0x45d9f3b) ^ name;
}

/** A plain TinyLFU: a cache that is full takes only what was used more often than the one that would go. */
export function tinyLfu(limitBytes: number): CachePolicy {
  const held = new LRUCache<number, Sized>({ maxSize: limitBytes, sizeCalculation: ({ bytes }) => bytes });
  const sketch = new FrequencySketch(limitBytes / 16_384);
  return {
    has(name) {
      sketch.observe(hashOf(name), held.size);
      return held.get(name) !== undefined;
    },
    put(name, bytes) {
      while (held.calculatedSize > limitBytes - bytes) {
        const [victim] = held.rkeys();
        if (victim === undefined || sketch.frequency(hashOf(victim)) >= sketch.frequency(hashOf(name))) return;
        held.delete(victim);
      }
      held.set(name, { bytes });
    },
  };
}
