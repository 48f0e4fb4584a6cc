/**
 * The disk tier: records by name in volumes that are written from front to back, found by an index in memory. Nothing here is
 * the only copy of anything: whatever goes wrong with a record, it is dropped and counted.
 */

import { setImmediate as nextTurn } from 'node:timers/promises';
import { backoffMs } from '@headwater/service/backoff';
import type { Clock } from '@headwater/service/clock';
import { type DiskCounters, noCounts } from './disk-counters.ts';
import { type FileLayer, nodeFiles } from './file-layer.ts';
import type { NameHash } from './index-block.ts';
import type { Location } from './location-index.ts';
import { hashOf } from './name-hash.ts';
import { type DiskRecord, decodeRecord } from './record.ts';
import { type Placed, readRuns } from './runs.ts';
import { Shelf } from './shelf.ts';
import type { Volume } from './volume.ts';
import { type QueuedRecord, WriteQueue } from './write-queue.ts';

/** A viewer waits so long for a disk, then for an origin. */
const READ_DEADLINE_MS = 1_000;
const MOST_READS = 64;
/** After a failure nothing is written for a while. */
const PAUSE = { firstMs: 1_000, maxMs: 60_000 };
/** So long after a file system was full its limit is tried again. */
const FULL_MS = 60_000;
/** A sweep goes through the index once for so many volumes. */
const SWEPT_TOGETHER = 64;

export interface DiskOptions {
  readonly directory: string;
  readonly limitBytes: number;
  readonly clock: Clock;
  /** uniform in [0, 1) */
  readonly random: () => number;
  readonly files?: FileLayer;
}

export class DiskStore {
  readonly counters: DiskCounters = noCounts();
  readonly #options: DiskOptions;
  readonly #shelf: Shelf;
  readonly #queue = new WriteQueue();
  readonly #reads = new Map<string, Promise<DiskRecord | undefined>>();
  /** what is said in the index beside what is written: no purge sequence given out later may be lower */
  sequence = 0;
  /** what a sweep under way judges by */
  #isKept: (record: DiskRecord) => boolean = () => true;
  #readsUnderWay = 0;
  #waiters: (() => void)[] = [];
  #pumping: Promise<void> | null = null;
  /** who waits for all that was there to be gone; until then none of it is given */
  #clearing: (() => void)[] = [];
  #failures = 0;
  #pausedUntilMs = -Infinity;
  #fullUntilMs = -Infinity;

  private constructor(options: DiskOptions) {
    this.#options = options;
    this.#shelf = new Shelf({
      files: options.files ?? nodeFiles,
      directory: options.directory,
      limitBytes: options.limitBytes,
      onSaved: (record) => {
        const isKept = !this.#isClearing && (!record.isEntry || this.#isKept(record));
        if (isKept && this.#queue.get(record.name) === undefined) this.#queue.keep(record);
      },
    });
  }

  /**
   * Takes up what is in the directory; whatever is in it, it starts.
   * @throws what the file layer throws when the directory cannot be made or read
   */
  static async open(options: DiskOptions): Promise<DiskStore> {
    const store = new DiskStore(options);
    const { highestSequence, damagedVolumes } = await store.#shelf.start();
    store.sequence = highestSequence;
    store.counters.damagedVolumes = damagedVolumes;
    store.#wake();
    return store;
  }

  get usedBytes(): number {
    return this.#shelf.usedBytes;
  }

  get records(): number {
    return this.#shelf.index.records;
  }

  get entries(): number {
    return this.#shelf.index.entries;
  }

  get indexMemoryBytes(): number {
    return this.#shelf.index.memoryBytes;
  }

  get queuedBytes(): number {
    return this.#queue.bytes;
  }

  /** volumes that could not be removed: what was in them may be there again after a restart */
  get unremoved(): number {
    return this.#shelf.unremoved;
  }

  /** Whether it is there or about to be. */
  has(name: string): boolean {
    return this.#queue.get(name) !== undefined || this.#find(hashOf(name)) !== undefined;
  }

  /** Whatever volume has it goes, this stays. */
  markUsed(name: string): void {
    this.#shelf.index.markUsed(hashOf(name));
  }

  /** Stores a record in the place of the one with its name: soon, or not at all. */
  put(record: QueuedRecord): void {
    const { nowMs } = this.#now();
    if (nowMs < this.#pausedUntilMs || !this.#queue.add(record)) {
      this.#queue.delete(record.name);
      this.counters.writesDropped += 1;
      // What it was to take the place of is out of date.
      this.#shelf.erase(hashOf(record.name));
    }
    this.#wake();
  }

  drop(name: string): void {
    this.#queue.delete(name);
    this.#shelf.erase(hashOf(name));
    this.#wake();
  }

  /** Drops all that is there now: from here on nothing of it is given, and when this resolves it is gone. */
  clear(): Promise<void> {
    this.#queue.clear();
    return new Promise((resolve) => {
      this.#clearing.push(resolve);
      this.#wake();
    });
  }

  get(name: string): DiskRecord | undefined | Promise<DiskRecord | undefined> {
    const queued = this.#queue.get(name);
    if (queued !== undefined) {
      this.counters.hits += 1;
      return queued;
    }
    const hash = hashOf(name);
    const location = this.#find(hash);
    if (location === undefined) {
      this.counters.misses += 1;
      return undefined;
    }
    const under = this.#reads.get(name);
    if (under !== undefined) return under;
    if (this.#readsUnderWay >= MOST_READS) {
      this.counters.readsRefused += 1;
      return undefined;
    }
    this.#shelf.index.markUsed(hash);
    const reading = this.#read(name, location).finally(() => this.#reads.delete(name));
    this.#reads.set(name, reading);
    return reading;
  }

  /** Resolves when nothing waits to be written. */
  async settled(): Promise<void> {
    while (this.#pumping !== null) await this.#pumping;
  }

  /** Resolves when nothing that is dead by now comes back, even if the power goes. @throws what the file layer throws */
  async sync(): Promise<void> {
    await this.#marked();
    await this.#shelf.sync();
  }

  async close(): Promise<void> {
    await this.settled();
    await this.#shelf.close();
  }

  /**
   * Shows every entry that is there from the beginning to the end of this, wherever it is moved meanwhile; those that are not to
   * be kept are dropped. One at a time.
   */
  async sweep(isKept: (record: DiskRecord) => boolean): Promise<void> {
    this.#isKept = isKept;
    for (const record of this.#queue.entries()) if (!isKept(record)) this.drop(record.name);
    const { volumes } = this.#shelf;
    for (let from = 0; from < volumes.length; from += SWEPT_TOGETHER) {
      const some = volumes.slice(from, from + SWEPT_TOGETHER);
      for (const items of this.#shelf.index.inVolumes(some.map(({ slot }) => slot))) {
        // A large index takes its time, and may have hardly an entry that has to be read.
        await nextTurn();
        const entries = Map.groupBy(
          items.filter(({ isEntry }) => isEntry),
          (item) => item.volume,
        );
        for (const volume of some) await this.#sweepIn(volume, entries.get(volume.slot) ?? []);
      }
    }
    this.#isKept = () => true;
    await this.#marked();
  }

  async #sweepIn(volume: Volume, entries: readonly Placed[]): Promise<void> {
    if (entries.length === 0) return;
    const unseen = new Set(entries);
    try {
      for await (const run of readRuns(volume, entries)) {
        for (const [placed, record] of run) {
          unseen.delete(placed);
          const isCurrent = this.#isAt(placed) && this.#queue.get(record.name) === undefined;
          if (isCurrent && !this.#isKept(record)) this.drop(record.name);
        }
        if (this.#shelf.marks.isHalfFull) await this.#marked();
      }
    } catch {
      this.counters.readErrors += 1;
    }
    // What cannot be read cannot be judged.
    for (const placed of unseen) if (this.#isAt(placed)) this.#shelf.erase(placed);
  }

  /** Resolves when what is dead now is marked as such on disk, or is there no more. */
  #marked(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiters.push(resolve);
      this.#wake();
    });
  }

  get #isClearing(): boolean {
    return this.#clearing.length > 0;
  }

  #find(hash: NameHash): Location | undefined {
    return this.#isClearing ? undefined : this.#shelf.index.find(hash);
  }

  #isAt({ high, low, volume, offset }: Placed): boolean {
    const now = this.#shelf.index.find({ high, low });
    return now?.volume === volume && now.offset === offset;
  }

  async #read(name: string, location: Location): Promise<DiskRecord | undefined> {
    const bytes = await this.#readInTime(location);
    const record = Buffer.isBuffer(bytes) ? decodeRecord(bytes, name) : undefined;
    // Meanwhile it may have been dropped, replaced or moved.
    const hash = hashOf(name);
    const queued = this.#queue.get(name);
    if (queued !== undefined) return queued;
    if (this.#isClearing || !this.#isAt({ ...hash, ...location })) {
      const now = this.#find(hash);
      return now === undefined ? undefined : this.#read(name, now);
    }
    if (record !== undefined) {
      this.counters.hits += 1;
      return record;
    }
    if (bytes === 'late') return undefined;
    if (bytes !== undefined) this.counters.corrupt += 1;
    this.drop(name);
    return undefined;
  }

  /** @returns undefined if it cannot be read, `'late'` if it may be read another time */
  async #readInTime(location: Location): Promise<Buffer | 'late' | undefined> {
    const volume = this.#shelf.volumeOf(location);
    if (volume === undefined) return undefined;
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), READ_DEADLINE_MS);
    });
    this.#readsUnderWay += 1;
    const reading = volume.read(location).finally(() => (this.#readsUnderWay -= 1));
    const bytes = await Promise.race([reading, tooLate]).catch(() => undefined);
    clearTimeout(timer);
    if (!Buffer.isBuffer(bytes)) this.counters.readErrors += 1;
    return bytes;
  }

  #wake(): void {
    this.#pumping ??= this.#pump().finally(() => {
      this.#pumping = null;
      if (this.#hasWork()) this.#wake();
    });
  }

  #hasWork(): boolean {
    return this.#isClearing || this.#waiters.length > 0 || this.#queue.records > 0 || this.#shelf.marks.count > 0;
  }

  async #pump(): Promise<void> {
    // What is put in one turn of the event loop is written together.
    await Promise.resolve();
    while (this.#hasWork()) {
      if (this.#isClearing) await this.#clearNow();
      const batch = this.#queue.batch();
      if (batch.length > 0) await this.#write(batch);
      const waiters = this.#waiters;
      this.#waiters = [];
      await this.#shelf.tidy(this.sequence).catch((error: unknown) => this.#failed(error));
      if (waiters.length > 0) await this.#shelf.dropUntold();
      for (const resolve of waiters) resolve();
    }
  }

  async #clearNow(): Promise<void> {
    await this.#shelf.clear();
    const waiting = this.#clearing;
    this.#clearing = [];
    for (const resolve of waiting) resolve();
  }

  async #write(batch: readonly QueuedRecord[]): Promise<void> {
    const { nowMs } = this.#now();
    if (nowMs >= this.#fullUntilMs) this.#shelf.roomBytes = this.#options.limitBytes;
    const placed = nowMs < this.#pausedUntilMs ? null : await this.#append(batch);
    for (const [index, record] of batch.entries()) {
      const place = placed?.[index];
      const isWanted = this.#queue.get(record.name) === record;
      if (isWanted) this.#queue.delete(record.name);
      if (place === undefined) {
        if (!isWanted) continue;
        this.counters.writesDropped += 1;
        this.#shelf.erase(hashOf(record.name));
      } else if (isWanted) {
        this.counters.written += 1;
        this.#shelf.place(place);
      } else {
        this.#shelf.disown(place);
      }
    }
  }

  async #append(batch: readonly QueuedRecord[]): Promise<readonly Placed[] | null> {
    try {
      const placed = await this.#shelf.append(batch, this.sequence);
      this.#failures = 0;
      return placed;
    } catch (error) {
      this.#failed(error);
      return null;
    }
  }

  #failed(error: unknown): void {
    const { nowMs } = this.#now();
    this.counters.writeErrors += 1;
    this.#shelf.seal();
    if (isFull(error)) {
      // Less must do from now on; the next batch makes room first.
      this.counters.fullErrors += 1;
      this.#fullUntilMs = nowMs + FULL_MS;
      this.#shelf.roomBytes = Math.max(this.#shelf.usedBytes - this.#shelf.volumeBytes, this.#shelf.usedBytes / 2);
      if (this.#shelf.usedBytes > 0) return;
    }
    this.#pausedUntilMs = nowMs + backoffMs(this.#failures, { ...PAUSE, random: this.#options.random });
    this.#failures += 1;
  }

  #now(): { readonly nowMs: number } {
    return { nowMs: this.#options.clock.monotonicMs() };
  }
}

function isFull(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOSPC' || code === 'EDQUOT';
}
