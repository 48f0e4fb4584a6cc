/** Orders for all generations of an edge that are there: what is purged, or forgotten, is so when none of them has it any more. */

import type { Purged } from '../purge.ts';
import type { NamedObject } from '../workers/team.ts';
import type { News, TellOthers } from './crew.ts';

export class Relay {
  readonly #tellOthers: TellOthers;
  readonly #underWay = new Set<Promise<unknown>>();
  #hasOthers: boolean;

  constructor(tellOthers: TellOthers, hasOthers: boolean) {
    this.#tellOthers = tellOthers;
    this.#hasOthers = hasOthers;
  }

  /** Has it done here and by the others. */
  async spread(news: News, here: () => Promise<readonly Purged[]>): Promise<readonly Purged[]> {
    const there = this.#hasOthers ? this.#tellOthers(news) : [];
    const work = here();
    this.#underWay.add(work);
    const ours = await work.finally(() => this.#underWay.delete(work));
    return [...ours, ...(await there)];
  }

  /** The same for what a request has changed. */
  async forget(objects: readonly NamedObject[], here: () => Promise<void>): Promise<void> {
    await this.spread({ kind: 'forget', objects }, () => here().then(() => []));
  }

  /** From now on there are others; comes back when all is done of which they are not told. */
  async open(): Promise<void> {
    this.#hasOthers = true;
    await Promise.all(this.#underWay);
  }
}
