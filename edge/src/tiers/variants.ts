/** Which slices of which variants RAM has. */

import { hashName } from './admission.ts';

interface HeldVariant {
  /** of the variant's key: a slice is as popular as that place of its object, whatever the variant */
  readonly hash: number;
  readonly slices: Set<number>;
  /** whether RAM has the entry, too */
  isListed: boolean;
}

export class Variants {
  readonly #held = new Map<string, HeldVariant>();
  readonly #seed: number;

  constructor(seed: number) {
    this.#seed = seed;
  }

  get count(): number {
    return this.#held.size;
  }

  hashOf(id: string, index: number): number {
    const hash = this.#held.get(id)?.hash ?? hashName(id, this.#seed);
    return Math.imul(hash ^ (index + 1), 0x01000193);
  }

  /** RAM has an entry with this variant. */
  list(id: string, keyHash: number): void {
    const variant = this.#held.get(id);
    if (variant === undefined) this.#held.set(id, { hash: keyHash, slices: new Set(), isListed: true });
    else variant.isListed = true;
  }

  /** RAM has no such entry any more. @returns the slices that are left */
  unlist(id: string): readonly number[] {
    const variant = this.#held.get(id);
    if (variant === undefined) return [];
    variant.isListed = false;
    if (variant.slices.size === 0) this.#held.delete(id);
    return [...variant.slices];
  }

  add(id: string, index: number): void {
    const variant = this.#held.get(id) ?? { hash: hashName(id, this.#seed), slices: new Set(), isListed: false };
    this.#held.set(id, variant);
    variant.slices.add(index);
  }

  remove(id: string, index: number): void {
    const variant = this.#held.get(id);
    variant?.slices.delete(index);
    if (variant !== undefined && variant.slices.size === 0 && !variant.isListed) this.#held.delete(id);
  }
}
