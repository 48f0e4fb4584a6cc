/**
 * The workers of a node: started together, replaced one by one when they end, told everything in the same order, and asked
 * what they did. What one was ordered and did not do before it ended, the one in its place does before it serves.
 */

import { backoffMs } from '@headwater/service/backoff';
import type { FeedPage } from '@headwater/protocol/feed';
import type { Clock } from '@headwater/service/clock';
import type { EdgeConfig } from '../config.ts';
import type { Purged } from '../purge.ts';
import { Ledger } from './ledger.ts';
import type { Listener } from './listener.ts';
import type { NamedObject } from './team.ts';
import type { NodeEvents } from './node-events.ts';
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
}

/** How far apart the readings are that also show whether a worker hangs. */
const REPORT_MS = 1_000;
/** One that lived for so long is replaced at once, others after a pause. */
const LONG_LIFE_MS = 5_000;
const PAUSE = { firstMs: 50, maxMs: 1_000 } as const;
/** Answers under way end within two seconds; then comes what the worker closes behind them. */
const STOP_MS = 4_000;
/** A worker that is gone for so many orders is told that anything may have changed. */
const MISSED_LIMIT = 100;
const ANYTHING: FeedPage = { cursor: '', snapshot: true, messages: [] };

interface Place {
  process: WorkerProcess;
  bornMs: number;
  /** short lives in a row */
  shortLives: number;
  /** orders that nobody in this place has carried out yet */
  missed: FeedPage[];
  /** what is ordered now is for the next one, too: it finds on disk what this one does not have any more */
  isLending: boolean;
}

export class Workers implements AsyncDisposable {
  readonly ledger: Ledger;
  readonly #options: WorkersOptions;
  readonly #places = new Map<number, Place>();
  /** those that are about to replace another, and those that were replaced and have not ended: they hear what all hear */
  readonly #besides = new Set<WorkerProcess>();
  readonly #pauses = new Set<NodeJS.Timeout>();
  readonly #started = Promise.withResolvers<void>();
  #isStarting = true;
  #isStopping = false;
  #timer: NodeJS.Timeout | undefined;
  #restarting: Promise<void> | null = null;

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
      const bornMs = options.clock.monotonicMs();
      workers.#places.set(worker, {
        process: workers.#spawn(worker, []),
        bornMs,
        shortLives: 0,
        missed: [],
        isLending: false,
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
    for (const process of [...this.#processes(), ...this.#besides]) process.tell({ kind: 'heard' });
  }

  /** Has them read their certificates anew. */
  hangUp(): void {
    for (const process of this.#processes()) process.hangUp();
  }

  /** Reads all of them into the ledger. */
  async read(): Promise<void> {
    const besides = [...this.#besides].filter(({ isServing }) => isServing);
    await Promise.all([...this.#processes(), ...besides].map((process) => this.#readOne(process)));
  }

  /**
   * Replaces all workers, one after the other, by such as run what the program is now. No request is lost: each takes over the
   * socket of the one before it, which ends when it has answered all that it has begun. Comes back when new ones serve.
   */
  restart(): Promise<void> {
    this.#restarting ??= this.#replaceAll().finally(() => (this.#restarting = null));
    return this.#restarting;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopping = true;
    clearInterval(this.#timer);
    for (const pause of this.#pauses) clearTimeout(pause);
    await Promise.all([...this.#processes(), ...this.#besides].map((process) => process.stop(STOP_MS)));
  }

  async #readOne(process: WorkerProcess): Promise<void> {
    const report = await process.report();
    if (report !== null) this.ledger.note(process, report);
  }

  async #replaceAll(): Promise<void> {
    for (const [worker, place] of this.#places) {
      if (!(await this.#replace(worker, place))) return;
    }
  }

  /** False when it could not be: then the one that is there goes on. */
  async #replace(worker: number, place: Place): Promise<boolean> {
    const old = place.process;
    place.isLending = true;
    const listener = await old.lend();
    place.isLending = false;
    if (listener === null || this.#isStopping) return false;
    const heir = this.#spawn(worker, place.missed, listener);
    this.#besides.add(heir);
    const serves = await heir.begun;
    listener.close();
    this.#besides.delete(heir);
    if (!serves || this.#isStopping || place.process !== old) {
      heir.kill();
      return false;
    }
    place.process = heir;
    place.missed = [];
    place.bornMs = this.#options.clock.monotonicMs();
    this.#besides.add(old);
    this.#tellServing();
    this.#options.events.workerServes(worker);
    void this.#retire(old);
    return true;
  }

  /** Lets one that was replaced end what it has begun, and takes down what it counted until then. */
  async #retire(old: WorkerProcess): Promise<void> {
    await old.retire();
    await this.#readOne(old);
    await old.stop(STOP_MS);
  }

  #processes(): WorkerProcess[] {
    return [...this.#places.values()].map(({ process }) => process);
  }

  async #round(page: FeedPage, isNew: boolean): Promise<readonly Purged[]> {
    const all = await Promise.all(
      [...this.#places.values()].map(async (place) => {
        const purged = await place.process.carryOut(page, isNew);
        if (purged === null || place.isLending) miss(place, page);
        return purged ?? [];
      }),
    );
    const besides = await Promise.all([...this.#besides].map((process) => process.carryOut(page, isNew)));
    return [...all, ...besides.map((purged) => purged ?? [])].flat();
  }

  /** Twice, as {@link carryOut} says. */
  async #forget(asker: WorkerProcess, wish: number, objects: readonly NamedObject[]): Promise<void> {
    for (let round = 0; round < 2; round += 1) {
      await Promise.all([...this.#processes(), ...this.#besides].map((process) => process.forget(objects)));
    }
    asker.tell({ kind: 'forgotten', wish });
  }

  #spawn(worker: number, missed: readonly FeedPage[], listener: Listener | null = null): WorkerProcess {
    const { entry, config, directory, known } = this.#options;
    return new WorkerProcess({
      entry,
      begin: { kind: 'begin', worker, config, directory, known: known(), missed, isHeir: listener !== null },
      listener,
      onServing: (process) => this.#onServing(process),
      onWish: (process, wish, objects) => void this.#forget(process, wish, objects),
      onEnd: (process, how) => this.#onEnd(process, how),
    });
  }

  #onServing(process: WorkerProcess): void {
    const worker = process.number;
    const place = this.#places.get(worker);
    // An heir takes its place when the one before it is told so.
    if (this.#besides.has(process)) return;
    if (place !== undefined) place.missed = [];
    this.#tellServing();
    this.#options.events.workerServes(worker);
    if (!this.areServing) return;
    this.#isStarting = false;
    this.#started.resolve();
  }

  #onEnd(process: WorkerProcess, how: string): void {
    const worker = process.number;
    this.ledger.close(process);
    if (this.#besides.delete(process) || this.#isStopping) return;
    if (this.#isStarting) return this.#started.reject(new Error(`worker ${worker} ended as it started: ${how}`));
    const { clock, random, events } = this.#options;
    events.workerEnded(worker, how);
    this.#tellServing();
    const place = this.#places.get(worker);
    if (place === undefined) return;
    place.shortLives = clock.monotonicMs() - place.bornMs < LONG_LIFE_MS ? place.shortLives + 1 : 0;
    const pauseMs = place.shortLives === 0 ? 0 : backoffMs(place.shortLives - 1, { ...PAUSE, random });
    const pause = setTimeout(() => {
      this.#pauses.delete(pause);
      place.bornMs = clock.monotonicMs();
      place.process = this.#spawn(worker, place.missed);
    }, pauseMs);
    this.#pauses.add(pause);
  }

  #tellServing(): void {
    const processes = [...this.#processes(), ...this.#besides];
    const workers = this.#processes()
      .filter(({ isServing }) => isServing)
      .map(({ number }) => number);
    for (const process of processes) process.tell({ kind: 'serving', workers });
  }
}

function miss(place: Place, page: FeedPage): void {
  if (!dropsAnything(page)) return;
  if (place.missed.length < MISSED_LIMIT) place.missed.push(page);
  else place.missed = [ANYTHING];
}

function dropsAnything({ snapshot, messages }: FeedPage): boolean {
  return snapshot || messages.some(({ type }) => type === 'purge' || type === 'zone-removed');
}

/** By purge, what went in all workers. */
function addUp(purged: readonly Purged[]): readonly Purged[] {
  const objects = new Map<string, number>();
  for (const one of purged) objects.set(one.id, (objects.get(one.id) ?? 0) + one.objects);
  return [...objects].map(([id, count]) => ({ id, objects: count }));
}
