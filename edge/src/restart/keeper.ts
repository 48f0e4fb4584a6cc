/**
 * The process that started first. It is the edge's first generation, and stays when later ones have its place: whoever started
 * it knows it by its number, and signals it. A generation ends when the next one serves and its own answers are all given.
 */

import type { Purged } from '../purge.ts';
import type { News, TellOthers } from './crew.ts';
import { release } from './estate.ts';
import type { Member } from './member.ts';
import type { RestartEvents } from './restart-events.ts';
import { SuccessorProcess } from './successor-process.ts';

/** What became of a restart. */
export type Outcome = { readonly isReplaced: true } | { readonly isReplaced: false; readonly reason: string };

interface KeeperOptions {
  /** starts the first generation, in this process */
  readonly first: (tellOthers: TellOthers) => Promise<Member>;
  /** the program of later ones */
  readonly entry: string;
  readonly events: RestartEvents;
}

/** How often what a generation that is ending has counted is told to the next. */
const COUNT_MS = 1_000;
/** With more generations that are still ending a restart waits for the oldest. */
const MOST_ENDING = 2;

export class Keeper implements AsyncDisposable {
  readonly #options: KeeperOptions;
  readonly #members = new Set<Member>();
  readonly #ending = new Map<Member, Promise<void>>();
  readonly #ended = Promise.withResolvers<never>();
  #current: Member | null = null;
  #isStopping = false;
  #running: Promise<unknown> = Promise.resolve();
  #next: Promise<Outcome> | null = null;

  private constructor(options: KeeperOptions) {
    this.#options = options;
  }

  static async start(options: KeeperOptions): Promise<Keeper> {
    const keeper = new Keeper(options);
    const first = await options.first((news) => keeper.#tellOthers(first, news));
    keeper.#members.add(first);
    keeper.#current = first;
    return keeper;
  }

  /** Fails when the generation that serves ends by itself. */
  get ended(): Promise<never> {
    return this.#ended.promise;
  }

  /**
   * Has a new process take the edge over, that runs what the program is now. Comes back when it serves, or has failed to: then
   * all is as before. While one restart is under way any number of others are one more.
   */
  restart(): Promise<Outcome> {
    this.#next ??= this.#running.then(() => {
      this.#next = null;
      const outcome = this.#replace();
      this.#running = outcome;
      return outcome;
    });
    return this.#next;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopping = true;
    await Promise.all([...this.#members].map((member) => member[Symbol.asyncDispose]()));
  }

  async #replace(): Promise<Outcome> {
    const { events, entry } = this.#options;
    while (this.#ending.size >= MOST_ENDING) await this.#ending.values().next().value;
    const old = this.#current;
    if (old === null || this.#isStopping) return { isReplaced: false, reason: 'the edge ends' };
    events.begun();
    const heir = new SuccessorProcess(entry, (from, news) => this.#tellOthers(from, news));
    this.#members.add(heir);
    if (!(await this.#handOver(old, heir))) {
      const reason = await heir.ended;
      this.#members.delete(heir);
      events.refused(reason);
      return { isReplaced: false, reason };
    }
    this.#current = heir;
    void heir.ended.then((how) => this.#onEnd(heir, how));
    events.replaced(heir.pid);
    // No closure here may refer to the old one: those that wait for the heir's end would keep all that it has cached.
    this.#ending.set(old, this.#seeOff(old, heir).catch(events.leftBehind));
    return { isReplaced: true };
  }

  /** False when the heir ended before it served. */
  async #handOver(old: Member, heir: SuccessorProcess): Promise<boolean> {
    if (!(await heir.prepared)) return false;
    const estate = await old.lend();
    if (estate === null) {
      await heir[Symbol.asyncDispose]();
      return false;
    }
    const serves = await heir.inherit(estate);
    release(estate);
    if (!serves) {
      await old.keepOn();
      return false;
    }
    await old.leave();
    await heir.enter();
    return true;
  }

  /** Until the last answer of one that was replaced is given. */
  async #seeOff(old: Member, heir: Member): Promise<void> {
    const count = async (): Promise<void> => {
      const counts = await old.counts();
      if (counts !== null) await heir.noteCountsBefore(counts);
    };
    const timer = setInterval(() => void count(), COUNT_MS);
    await old.retire();
    clearInterval(timer);
    await count();
    await old[Symbol.asyncDispose]();
    this.#members.delete(old);
    this.#ending.delete(old);
  }

  #onEnd(heir: SuccessorProcess, how: string): void {
    this.#members.delete(heir);
    if (heir === this.#current && !this.#isStopping) this.#ended.reject(new Error(`the edge's process ended: ${how}`));
  }

  async #tellOthers(from: Member, news: News): Promise<readonly Purged[]> {
    const others = [...this.#members].filter((member) => member !== from);
    const purged = await Promise.all(others.map((member) => member.take(news)));
    return purged.flat();
  }
}
