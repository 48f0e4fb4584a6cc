/** Choices from one seed. */

import { seeded } from '@headwater/protocol/test-random';

export class Dice {
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = seeded(seed);
  }

  /** 0 to below `count` */
  below(count: number): number {
    return Math.floor(this.#random() * count);
  }

  chance(probability: number): boolean {
    return this.#random() < probability;
  }

  /** A share of a whole, in hundredths. */
  share(): number {
    return this.below(101) / 100;
  }

  pick<T>(from: readonly [T, ...T[]]): T {
    return from[this.below(from.length)] ?? from[0];
  }

  /** One of those, each as often as its weight says. */
  weighted<T>(from: readonly [readonly [number, T], ...(readonly [number, T])[]]): T {
    let left = this.#random() * from.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, value] of from) {
      left -= weight;
      if (left < 0) return value;
    }
    return from[0][1];
  }
}
