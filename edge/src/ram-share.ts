/**
 * One budget of RAM for two holders, our own streams' cache and the objects of pull zones: each has half of it for certain, and
 * what the other leaves. A new live segment always finds room.
 */

import type { Cache } from './cache.ts';

interface Objects {
  ramBytes(): number;
  /** Comes down to what they may hold. */
  trimRam(): void;
}

export class RamShare {
  readonly #limitBytes: number;
  #cache: Cache | null = null;
  #objects: Objects | null = null;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** Who holds it; before that is told nobody does. */
  divide(cache: Cache, objects: Objects): void {
    this.#cache = cache;
    this.#objects = objects;
  }

  /** What the objects may hold now. */
  objectsLimitBytes(): number {
    return this.#shareBeside(this.#cache?.calculatedSize ?? 0);
  }

  /** One of the two has grown. */
  settle(): void {
    const cache = this.#cache;
    const objects = this.#objects;
    if (cache === null || objects === null) return;
    if (cache.calculatedSize + objects.ramBytes() <= this.#limitBytes) return;
    objects.trimRam();
    while (cache.size > 0 && cache.calculatedSize > this.#shareBeside(objects.ramBytes())) cache.pop();
  }

  #shareBeside(otherBytes: number): number {
    return Math.max(this.#limitBytes / 2, this.#limitBytes - otherBytes);
  }
}
