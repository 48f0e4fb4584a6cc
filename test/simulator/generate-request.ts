/** What viewers ask for: mostly the plain thing, as whoever came before, and now and then anything else. */

import type { Dice } from './dice.ts';
import { type Layout, MEMBERS, type RequestSpec } from './history.ts';

export class RequestGenerator {
  readonly #dice: Dice;
  readonly #layout: Layout;
  readonly #hasTokens: boolean;
  /** by place: how it was asked for last */
  readonly #last: Record<number, RequestSpec> = {};

  constructor(dice: Dice, { layout, hasTokens }: { readonly layout: Layout; readonly hasTokens: boolean }) {
    this.#dice = dice;
    this.#layout = layout;
    this.#hasTokens = hasTokens;
  }

  plain(place: number): RequestSpec {
    const before = this.#last[place];
    // Most ask for the same variant as who came before, or little would ever be found.
    if (before !== undefined && this.#dice.chance(0.5)) return { ...before, worker: this.worker() };
    const request = this.#anyPlain(place);
    this.#last[place] = request;
    return request;
  }

  worker(): number {
    return this.#layout === 'workers' ? this.#dice.below(MEMBERS) : 0;
  }

  #anyPlain(place: number): RequestSpec {
    const dice = this.#dice;
    return {
      place,
      worker: this.worker(),
      method: 'GET',
      range: null,
      condition: null,
      directives: null,
      language: dice.weighted([
        [6, 'en'],
        [3, 'de'],
        [1, ' EN'],
        [1, null],
      ]),
      mode: dice.weighted([
        [6, null],
        [2, 'fast'],
        [1, 'slow'],
      ]),
      authorization: false,
      token: 'good',
      leavesAtByte: null,
      isSlow: false,
    };
  }

  /** Anything but plain. */
  special(place: number): RequestSpec {
    const dice = this.#dice;
    const plain = this.plain(place);
    const change = dice.weighted<() => Partial<RequestSpec>>([
      [8, () => ({ range: dice.pick(['first', 'middle', 'open', 'suffix', 'last-byte', 'beyond', 'two']) })],
      [5, () => ({ condition: dice.pick(['match', 'match-old', 'match-any', 'since']) })],
      [
        3,
        () => ({ range: dice.pick(['first', 'middle', 'open']), condition: dice.pick(['if-range', 'if-range-old']) }),
      ],
      [4, () => ({ method: 'HEAD' })],
      [6, () => ({ directives: this.#directives() })],
      [3, () => ({ authorization: true })],
      [2, () => ({ leavesAtByte: 1 })],
      [1, () => ({ isSlow: true })],
      [this.#hasTokens ? 2 : 0, () => ({ token: dice.pick(['other-zone', 'expired', 'none']) })],
    ])();
    return { ...plain, ...change };
  }

  #directives(): string {
    return this.#dice.pick([
      'no-cache',
      'max-age=0',
      'max-age=5',
      'max-age=20',
      'min-fresh=30',
      'max-stale',
      'max-stale=20',
      'only-if-cached',
      'no-store',
      'max-age=5, max-stale=60',
    ]);
  }
}
