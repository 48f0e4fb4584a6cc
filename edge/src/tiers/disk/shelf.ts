/** The volumes of a directory and the index of all that is in them: room, order, and what goes when room is wanted. */

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { FileLayer } from './file-layer.ts';
import { blockBytes, eachItem, type IndexItem, type NameHash, type OnItem, readLast } from './index-block.ts';
import { lastWord, type Location, LocationIndex, MOST_VOLUMES, placeWord } from './location-index.ts';
import { Marks } from './marks.ts';
import { hashOf } from './name-hash.ts';
import { type DiskRecord, encodeRecord, MOST_RECORD_BYTES, recordBytes, STEP_BYTES } from './record.ts';
import { type Placed, readRuns } from './runs.ts';
import { readIndex, removeFiles, Volume, volumeIds } from './volume.ts';
import type { QueuedRecord } from './write-queue.ts';

const MIB = 1024 * 1024;
/** A volume is so much of the whole, within bounds: few files, and little that goes at once. */
const VOLUMES_WANTED = 64;
const LEAST_VOLUME_BYTES = 4 * MIB;
const MOST_VOLUME_BYTES = 256 * MIB;
/** What is smaller than this on the average is bounded by the memory of its index instead. */
const BYTES_PER_RECORD = 1_024;
/** A volume of which less is alive goes before the oldest, and what is alive in it stays. */
const MOSTLY_DEAD = 0.5;
/** Less alive than this, and it goes at once. */
const NEARLY_DEAD = 0.125;
/** What may be saved of a volume that goes; all of it is in memory for a moment. */
const MOST_SAVED_BYTES = 16 * MIB;
const MOST_SAVED_SHARE = 0.5;
/** Indices that are open at once at a start: there may be more of them than files that a process may open. */
const READ_AT_ONCE = 64;

interface ShelfOptions {
  readonly files: FileLayer;
  readonly directory: string;
  readonly limitBytes: number;
  /** takes what is worth keeping of a volume that goes */
  readonly onSaved: (record: QueuedRecord) => void;
}

/** What a start found. */
export interface ShelfStart {
  readonly highestSequence: number;
  /** volumes that could not be trusted and are gone */
  readonly damagedVolumes: number;
}

export class Shelf {
  readonly index = new LocationIndex();
  readonly marks = new Marks();
  readonly #options: ShelfOptions;
  readonly #volumes = new Map<number, Volume>();
  readonly #volumeBytes: number;
  #current: Volume | null = null;
  #nextId = 1;
  #nextSlot = 1;
  #unremoved = 0;
  /** what there is room for: less than the limit while the file system is full */
  roomBytes: number;

  constructor(options: ShelfOptions) {
    this.#options = options;
    this.roomBytes = options.limitBytes;
    const wanted = Math.ceil(options.limitBytes / VOLUMES_WANTED);
    this.#volumeBytes = Math.min(MOST_VOLUME_BYTES, Math.max(LEAST_VOLUME_BYTES, wanted));
  }

  get usedBytes(): number {
    return this.volumes.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  }

  get volumeBytes(): number {
    return this.#volumeBytes;
  }

  get volumes(): readonly Volume[] {
    return [...this.#volumes.values()];
  }

  /** volumes whose files could not be removed: what was in them may be there again after a restart */
  get unremoved(): number {
    return this.#unremoved;
  }

  volumeOf({ volume }: Location): Volume | undefined {
    return this.#volumes.get(volume);
  }

  /** Takes up what a run before has left. Damaged volumes are removed; so is what no index tells of. */
  async start(): Promise<ShelfStart> {
    const { files, directory, limitBytes } = this.#options;
    await files.makeDirectory(directory);
    const ids = volumeIds(await files.list(directory));
    this.#nextId = (ids.at(-1) ?? 0) + 1;
    const indices: Awaited<ReturnType<typeof readIndex>>[] = [];
    for (let from = 0; from < ids.length; from += READ_AT_ONCE) {
      const some = ids.slice(from, from + READ_AT_ONCE).map((id) => readIndex({ files, directory, id }));
      indices.push(...(await Promise.all(some)));
    }
    this.index.reserve(indices.reduce((sum, found) => sum + (found?.items ?? 0), 0));
    let highestSequence = 0;
    let damagedVolumes = 0;
    for (const [at, id] of ids.entries()) {
      const found = indices[at] ?? null;
      const place = { files, directory, id, slot: this.#freeSlot() };
      const volume = found === null ? null : await Volume.reopen(place, found).catch(() => null);
      if (found === null || volume === null) {
        damagedVolumes += 1;
        await removeFiles(place).catch(() => undefined);
        continue;
      }
      highestSequence = Math.max(highestSequence, found.sequence);
      this.#volumes.set(place.slot, volume);
      eachItem(found.bytes, found.endBytes, this.#takeInto(volume));
      if (this.#volumes.size >= MOST_VOLUMES) await this.#discard(this.#worst());
    }
    while (this.usedBytes > limitBytes) await this.#discard(this.#worst());
    return { highestSequence, damagedVolumes };
  }

  /** Says in the index of files what was found dead meanwhile, and removes volumes that have nearly nothing alive. */
  async tidy(sequence: number): Promise<void> {
    await this.marks.write(sequence);
    for (const volume of this.#volumes.values()) {
      const isNearlyDead = volume.liveBytes <= volume.recordsBytes * NEARLY_DEAD;
      if (volume !== this.#current && isNearlyDead) await this.#reclaim(volume);
    }
  }

  /** Removes the volumes of which it could not be said what is dead. */
  async dropUntold(): Promise<void> {
    for (const volume of this.marks.untold) await this.#discard(volume);
  }

  /**
   * Writes a batch.
   * @returns where each of it is now; null if there is no room for it
   * @throws what the file layer throws; then nothing of it is there
   */
  async append(batch: readonly QueuedRecord[], sequence: number): Promise<readonly Placed[] | null> {
    const bytes = batch.reduce((sum, record) => sum + recordBytes(record), 0);
    const volume = await this.#volumeFor(bytes, batch.length);
    if (volume === null) return null;
    let offset = volume.recordsBytes;
    const items = batch.map((record): IndexItem => {
      const length = recordBytes(record);
      offset += length;
      return { ...hashOf(record.name), offset: offset - length, length, isEntry: record.isEntry };
    });
    await volume.append(batch.flatMap(encodeRecord), items, sequence);
    return items.map((item) => ({ ...item, volume: volume.slot }));
  }

  /** From now on this is where the record is. */
  place(placed: Placed): void {
    const volume = this.#volumes.get(placed.volume);
    if (volume === undefined) return;
    const before = this.index.put(placed, placed);
    volume.liveBytes += placed.length;
    if (before !== undefined) this.#died(placed, before, placed.volume);
  }

  /** It was written and is not wanted any more. */
  disown(placed: Placed): void {
    const volume = this.#volumes.get(placed.volume);
    if (volume !== undefined) this.marks.add(volume, placed, placed);
  }

  /** @returns whether there was anything */
  erase(hash: NameHash): boolean {
    const before = this.index.delete(hash);
    if (before !== undefined) this.#died(hash, before, null);
    return before !== undefined;
  }

  /** Writes nowhere any more where writing has just failed. */
  seal(): void {
    this.#current = null;
  }

  async clear(): Promise<void> {
    this.seal();
    for (const volume of this.volumes) await this.#discard(volume);
  }

  /** Resolves when no loss of power brings back what is gone, or marked as dead. @throws what the file layer throws */
  async sync(): Promise<void> {
    for (const volume of this.volumes) await volume.sync();
    await this.#options.files.syncDirectory(this.#options.directory);
  }

  async close(): Promise<void> {
    await Promise.all(this.volumes.map((volume) => volume.close()));
    this.#volumes.clear();
  }

  /** What takes up the items of a volume at a start. */
  #takeInto(volume: Volume): OnItem {
    const { recordsBytes, slot } = volume;
    return (high, low, steps, last) => {
      const { steps: lengthSteps, isEntry } = readLast(last);
      const length = lengthSteps * STEP_BYTES;
      const offset = steps * STEP_BYTES;
      if (length > MOST_RECORD_BYTES || offset + length > recordsBytes) return;
      if (length > 0 && this.index.add(high, low, placeWord(offset, isEntry), lastWord(slot, length))) {
        volume.liveBytes += length;
        return;
      }
      // It takes the place of another, or says that one is dead.
      if (length > 0) return this.place({ high, low, volume: slot, offset, length, isEntry });
      const before = this.index.find({ high, low });
      if (before?.volume !== slot || before.offset !== offset) return;
      this.index.delete({ high, low });
      volume.liveBytes -= before.length;
    };
  }

  /** @param survivor the volume with what came in its place: it is said there already */
  #died(hash: NameHash, { volume: slot, offset, length, isEntry }: Location, survivor: number | null): void {
    const volume = this.#volumes.get(slot);
    if (volume === undefined) return;
    volume.liveBytes -= length;
    if (slot !== survivor) this.marks.add(volume, hash, { offset, isEntry });
  }

  async #volumeFor(bytes: number, records: number): Promise<Volume | null> {
    const added = bytes + blockBytes(records);
    if (added > this.roomBytes) return null;
    const mostRecords = Math.floor(this.#options.limitBytes / BYTES_PER_RECORD);
    while (this.usedBytes + added > this.roomBytes || this.index.records + records > mostRecords) {
      const victim = this.#worst();
      if (victim === undefined) return null;
      if (this.roomBytes < this.#options.limitBytes) await this.#discard(victim);
      else await this.#reclaim(victim);
    }
    if (this.#current !== null && this.#current.recordsBytes + bytes > this.#volumeBytes) this.seal();
    if (this.#current === null) {
      if (this.#volumes.size >= MOST_VOLUMES) await this.#discard(this.#worst());
      const { files, directory } = this.#options;
      const id = this.#nextId;
      this.#nextId += 1;
      this.#current = await Volume.create({ files, directory, id, slot: this.#freeSlot() });
      this.#volumes.set(this.#current.slot, this.#current);
    }
    return this.#current;
  }

  /** The volume to go next: one that is mostly dead, or the oldest. The current one only when there is no other. */
  #worst(): Volume | undefined {
    const sealed = this.volumes.filter((volume) => volume !== this.#current);
    if (sealed.length === 0) {
      const last = this.#current ?? undefined;
      this.seal();
      return last;
    }
    const share = (volume: Volume): number => volume.liveBytes / Math.max(1, volume.recordsBytes);
    const deadest = sealed.reduce((a, b) => (share(b) < share(a) ? b : a));
    if (share(deadest) < MOSTLY_DEAD) return deadest;
    return sealed.reduce((a, b) => (b.id < a.id ? b : a));
  }

  /** Removes a volume; what is worth it is saved. */
  async #reclaim(volume: Volume): Promise<void> {
    const isMostlyDead = volume.liveBytes < volume.recordsBytes * MOSTLY_DEAD;
    const wanted: Placed[] = [];
    let left = Math.min(MOST_SAVED_BYTES, volume.recordsBytes * MOST_SAVED_SHARE);
    for (const items of this.index.inVolumes([volume.slot])) {
      for (const item of items) {
        if (!(isMostlyDead || item.isUsed) || item.length > left) continue;
        left -= item.length;
        wanted.push(item);
      }
      await nextTurn();
    }
    // A volume that cannot be read is worth nothing.
    const saved = await copyOf(readRuns(volume, wanted)).catch(() => []);
    const current = saved.filter(([{ high, low, offset }]) => {
      const now = this.index.find({ high, low });
      return now?.volume === volume.slot && now.offset === offset;
    });
    await this.#discard(volume);
    for (const [{ isEntry }, record] of current) this.#options.onSaved({ ...record, isEntry });
  }

  /** Removes a volume and all that is in it. */
  async #discard(volume: Volume | undefined): Promise<void> {
    if (volume === undefined) return;
    for (const items of this.index.inVolumes([volume.slot])) {
      for (const item of items) this.index.delete(item);
      await nextTurn();
    }
    this.#volumes.delete(volume.slot);
    this.marks.forget(volume);
    if (volume === this.#current) this.seal();
    await volume.remove().catch(() => (this.#unremoved += 1));
  }

  #freeSlot(): number {
    while (this.#volumes.has(this.#nextSlot)) this.#nextSlot = (this.#nextSlot % MOST_VOLUMES) + 1;
    const slot = this.#nextSlot;
    this.#nextSlot = (slot % MOST_VOLUMES) + 1;
    return slot;
  }
}

/** All of them, free of the larger pieces that they were read in. */
async function copyOf(
  runs: AsyncIterable<readonly (readonly [Placed, DiskRecord])[]>,
): Promise<readonly (readonly [Placed, DiskRecord])[]> {
  const all: (readonly [Placed, DiskRecord])[] = [];
  for await (const run of runs) {
    for (const [placed, record] of run) all.push([placed, { ...record, payload: Buffer.from(record.payload) }]);
  }
  return all;
}
