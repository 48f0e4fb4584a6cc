/**
 * The workers of a node: started together, replaced one by one when they end, told everything in the same order, and asked
 * what they did. What one was ordered and did not do before it ended, the one in its place does before it serves.
 */

import { backoffMs } from '@headwater/service/backoff';
import type { FeedPage } from '@headwater/protocol/feed';
import type { Clock } from '@headwater/service/clock';
import type { EdgeConfig } from '../config.ts';
import type { Purged } from '../purge.ts';
import type { Loan } from '../restart/crew.ts';
import { MissedOrders, dropsAnything } from '../restart/missed-orders.ts';
import { Ledger } from './ledger.ts';
import type { Listener } from './listener.ts';
import type { NamedObject, OnForget } from './team.ts';
import type { NodeEvents } from './node-events.ts';
import { NodeTally } from './node-tally.ts';
import { WorkerProcess } from './worker-process.ts';

interface WorkersOptions {
  /** the program that a worker runs */
  readonly entry: string;
  readonly count: number;
  /** one worker's own */
  readonly config: EdgeConfig;
  readonly directory: string;
  /** all that the node knows at this moment */
  readonly known: () => FeedPage | null;
  readonly clock: Clock;
  readonly random: () => number;
  readonly events: NodeEvents;
  /** what those before them have left, in order; none: they are the first */
  readonly loans: readonly Loan[];
  /** has whoever is beside this node's workers forget as well what a request has changed */
  readonly onForget: OnForget;
}

/** How far apart the readings are that also show whether a worker hangs. */
const REPORT_MS = 1_000;
/** One that lived for so long is replaced at once, others after a pause. */
const LONG_LIFE_MS = 5_000;
const PAUSE = { firstMs: 50, maxMs: 1_000 } as const;
/** Answers under way end within two seconds; then comes what the worker closes behind them. */
const STOP_MS = 4_000;

interface Place {
  process: WorkerProcess;
  bornMs: number;
  /** short lives in a row */
  shortLives: number;
  /** what nobody in this place has done yet to what is on disk */
  readonly missed: MissedOrders;
  /** it has no disk any more */
  hasLent: boolean;
}

export class Workers implements AsyncDisposable {
  readonly ledger: Ledger;
  readonly #tally = new NodeTally();
  readonly #options: WorkersOptions;
  readonly #places = new Map<number, Place>();
  readonly #pauses = new Set<NodeJS.Timeout>();
  readonly #started = Promise.withResolvers<void>();
  #isStarting = true;
  #isStopping = false;
  /** others are about to take over: who ends meanwhile is not replaced */
  #hasLent = false;
  #timer: NodeJS.Timeout | undefined;

  private constructor(options: WorkersOptions) {
    this.#options = options;
    this.ledger = new Ledger(options.count);
  }

  /**
   * Comes back when all of them serve.
   * @throws Error when one ends before
   */
  static async start(options: WorkersOptions): Promise<Workers> {
    const workers = new Workers(options);
    for (let worker = 1; worker <= options.count; worker += 1) {
      const { listener = null, missed = [] } = options.loans[worker - 1] ?? {};
      workers.#places.set(worker, {
        process: workers.#spawn(worker, missed, listener),
        bornMs: options.clock.monotonicMs(),
        shortLives: 0,
        missed: new MissedOrders(),
        hasLent: false,
      });
    }
    try {
      await workers.#started.promise;
    } catch (error) {
      await workers[Symbol.asyncDispose]();
      throw error;
    }
    workers.#timer = setInterval(() => void workers.read(), REPORT_MS);
    return workers;
  }

  get areServing(): boolean {
    return this.#processes().every(({ isServing }) => isServing);
  }

  /** The process ids, by number. */
  get pids(): readonly (number | undefined)[] {
    return this.#processes().map(({ pid }) => pid);
  }

  /**
   * Has every worker do what a page orders. What one worker gets from another while not all have done so may be old: so what
   * drops anything is done twice, and the second time all that is asked for comes from who has done it.
   */
  async carryOut(page: FeedPage): Promise<readonly Purged[]> {
    const drops = dropsAnything(page);
    const purged = await this.#round(page, true);
    return addUp(drops ? [...purged, ...(await this.#round(page, false))] : purged);
  }

  /** Tells all of them that there are no orders but those that they had. */
  heard(): void {
    for (const process of this.#processes()) process.tell({ kind: 'heard' });
  }

  /** Reads all of them into the ledger. */
  async read(): Promise<void> {
    await Promise.all(this.#processes().map((process) => this.#readOne(process)));
  }

  /** Lets others have each worker's disk and the socket that it listens on. All go on meanwhile. */
  async lend(): Promise<readonly Loan[]> {
    this.#hasLent = true;
    for (const pause of this.#pauses) clearTimeout(pause);
    this.#pauses.clear();
    return Promise.all(
      [...this.#places.values()].map(async (place) => {
        const { pages } = place.missed;
        place.hasLent = true;
        const listener = await place.process.lend();
        return { listener, missed: pages, release: () => listener?.close() };
      }),
    );
  }

  /** Nobody took up what was lent. */
  keepOn(): void {
    this.#hasLent = false;
    for (const [worker, place] of this.#places) if (place.process.hasEnded) this.#replaceSoon(worker, place);
  }

  /** Each answers on the connections that it has once more; comes back when all are closed. */
  async retire(): Promise<void> {
    await Promise.all(this.#processes().map((process) => process.retire()));
  }

  /** Has all of them forget objects, twice, as {@link carryOut} says. */
  async forget(objects: readonly NamedObject[]): Promise<void> {
    for (let round = 0; round < 2; round += 1) {
      await Promise.all(
        [...this.#places.values()].map(async (place) => {
          const isDone = await place.process.forget(objects);
          if (!isDone || place.hasLent) place.missed.noteAnything();
        }),
      );
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopping = true;
    clearInterval(this.#timer);
    this.#tally[Symbol.dispose]();
    for (const pause of this.#pauses) clearTimeout(pause);
    await Promise.all(this.#processes().map((process) => process.stop(STOP_MS)));
  }

  async #readOne(process: WorkerProcess): Promise<void> {
    const report = await process.report();
    if (report !== null) this.ledger.note(process, report);
  }

  #processes(): WorkerProcess[] {
    return [...this.#places.values()].map(({ process }) => process);
  }

  async #round(page: FeedPage, isNew: boolean): Promise<readonly Purged[]> {
    const all = await Promise.all(
      [...this.#places.values()].map(async (place) => {
        const purged = await place.process.carryOut(page, isNew);
        if (purged === null || place.hasLent) place.missed.note(page);
        return purged ?? [];
      }),
    );
    return all.flat();
  }

  async #grant(asker: WorkerProcess, wish: number, objects: readonly NamedObject[]): Promise<void> {
    await this.#options.onForget(objects, () => this.forget(objects));
    asker.tell({ kind: 'forgotten', wish });
  }

  #spawn(worker: number, missed: readonly FeedPage[], listener: Listener | null = null): WorkerProcess {
    const { entry, config, directory, known } = this.#options;
    const process = new WorkerProcess({
      entry,
      begin: { kind: 'begin', worker, config, directory, known: known(), missed, isHeir: listener !== null },
      listener,
      onServing: (process) => this.#onServing(process),
      onWish: (process, wish, objects) => void this.#grant(process, wish, objects),
      onUsed: (process, used) => this.#tally.note(process, used),
      onEnd: (process, how) => this.#onEnd(process, how),
    });
    this.#tally.add(process);
    return process;
  }

  #onServing(process: WorkerProcess): void {
    const worker = process.number;
    const place = this.#places.get(worker);
    place?.missed.clear();
    this.#tellServing();
    this.#options.events.workerServes(worker);
    if (!this.areServing) return;
    this.#isStarting = false;
    this.#started.resolve();
  }

  #onEnd(process: WorkerProcess, how: string): void {
    const worker = process.number;
    this.ledger.close(process);
    this.#tally.delete(process);
    if (this.#isStopping) return;
    if (this.#isStarting) return this.#started.reject(new Error(`worker ${worker} ended as it started: ${how}`));
    this.#options.events.workerEnded(worker, how);
    this.#tellServing();
    const place = this.#places.get(worker);
    if (place !== undefined && !this.#hasLent) this.#replaceSoon(worker, place);
  }

  #replaceSoon(worker: number, place: Place): void {
    const { clock, random } = this.#options;
    place.shortLives = clock.monotonicMs() - place.bornMs < LONG_LIFE_MS ? place.shortLives + 1 : 0;
    const pauseMs = place.shortLives === 0 ? 0 : backoffMs(place.shortLives - 1, { ...PAUSE, random });
    const pause = setTimeout(() => {
      this.#pauses.delete(pause);
      place.bornMs = clock.monotonicMs();
      place.hasLent = false;
      place.process = this.#spawn(worker, place.missed.pages);
    }, pauseMs);
    this.#pauses.add(pause);
  }

  #tellServing(): void {
    const processes = this.#processes();
    const workers = processes.filter(({ isServing }) => isServing).map(({ number }) => number);
    for (const process of processes) process.tell({ kind: 'serving', workers });
  }
}

/** By purge, what went in all workers. */
function addUp(purged: readonly Purged[]): readonly Purged[] {
  const objects = new Map<string, number>();
  for (const one of purged) objects.set(one.id, (objects.get(one.id) ?? 0) + one.objects);
  return [...objects].map(([id, count]) => ({ id, objects: count }));
}
