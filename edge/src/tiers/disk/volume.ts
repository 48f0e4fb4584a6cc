/** A volume: a file of records, and beside it the file that says what is where. Both only grow; they go as a whole. */

import { join } from 'node:path';
import type { DiskFile, FileLayer } from './file-layer.ts';
import { type CheckedIndex, checkIndex, encodeIndexBlock, type IndexItem } from './index-block.ts';
import type { Location } from './location-index.ts';

const RECORDS = '.records';
const INDEX = '.index';
const ID_DIGITS = 12;
const FILE_NAME = /^(\d{12})\.(?:index|records)$/;

export interface VolumePlace {
  readonly files: FileLayer;
  readonly directory: string;
  /** from this the names of the files are made; a later volume has a higher one */
  readonly id: number;
  /** what the location index knows it by */
  readonly slot: number;
}

export function isVolumeFile(name: string): boolean {
  return FILE_NAME.test(name);
}

/** The ids of the volumes of which a directory has a file, lowest first. A kill may have left one of the two. */
export function volumeIds(names: readonly string[]): readonly number[] {
  const ids = names.flatMap((name) => FILE_NAME.exec(name)?.[1] ?? []).map(Number);
  return [...new Set(ids)].toSorted((a, b) => a - b);
}

/** What a start finds of a volume. */
interface FoundIndex extends CheckedIndex {
  readonly bytes: Buffer;
}

/** @returns null if it cannot be trusted */
export async function readIndex(place: Omit<VolumePlace, 'slot'>): Promise<FoundIndex | null> {
  const bytes = await place.files.readWhole(pathOf(place, INDEX)).catch(() => null);
  if (bytes === null) return null;
  const checked = checkIndex(bytes);
  return checked.isDamaged ? null : { bytes, ...checked };
}

export class Volume {
  readonly #place: VolumePlace;
  readonly #records: DiskFile;
  readonly #index: DiskFile;
  #recordsEnd: number;
  #indexEnd: number;
  /** what goes on in its files and keeps them open */
  #users = 0;
  #isMarkedAnew = false;
  #isGone = false;
  /** of what is alive in it */
  liveBytes = 0;

  private constructor(
    place: VolumePlace,
    files: { readonly records: DiskFile; readonly index: DiskFile },
    indexEnd: number,
  ) {
    this.#place = place;
    this.#records = files.records;
    this.#index = files.index;
    this.#recordsEnd = files.records.sizeBytes;
    this.#indexEnd = indexEnd;
  }

  get id(): number {
    return this.#place.id;
  }

  get slot(): number {
    return this.#place.slot;
  }

  get recordsBytes(): number {
    return this.#recordsEnd;
  }

  get sizeBytes(): number {
    return this.#recordsEnd + this.#indexEnd;
  }

  static async create(place: VolumePlace): Promise<Volume> {
    return new Volume(place, await openBoth(place), 0);
  }

  /** Opens a volume that was written before, as far as its index was found good. */
  static async reopen(place: VolumePlace, { bytes, endBytes }: FoundIndex): Promise<Volume> {
    const files = await openBoth(place);
    if (bytes.length > endBytes) await files.index.truncate(endBytes);
    return new Volume(place, files, endBytes);
  }

  /** Writes records at the end, then that they are there. */
  async append(records: readonly Buffer[], items: readonly IndexItem[], sequence: number): Promise<void> {
    const bytes = records.reduce((sum, { length }) => sum + length, 0);
    await this.#records.write(records, this.#recordsEnd);
    await this.mark(items, sequence);
    this.#recordsEnd += bytes;
  }

  /** Writes into the index alone. One call at a time. */
  async mark(items: readonly IndexItem[], sequence: number): Promise<void> {
    const block = encodeIndexBlock(items, sequence);
    await this.#index.write([block], this.#indexEnd);
    this.#indexEnd += block.length;
    this.#isMarkedAnew = true;
  }

  /** Resolves when what is in its index survives a loss of power. */
  async sync(): Promise<void> {
    if (this.#isGone || !this.#isMarkedAnew) return;
    this.#isMarkedAnew = false;
    try {
      await this.#use(() => this.#index.sync());
    } catch (error) {
      this.#isMarkedAnew = true;
      throw error;
    }
  }

  /** Bytes as they lie there; undefined where the file ends before. */
  async read({ offset, length }: Pick<Location, 'offset' | 'length'>): Promise<Buffer | undefined> {
    if (this.#isGone) return undefined;
    const bytes = Buffer.allocUnsafeSlow(length);
    return (await this.#use(() => this.#records.read(bytes, offset))) === length ? bytes : undefined;
  }

  /**
   * Removes the files. Who uses them now goes on.
   * @throws where the next start would find them, with what was in them
   */
  async remove(): Promise<void> {
    this.#isGone = true;
    const isEmptied = await this.#index.truncate(0).then(
      () => true,
      () => false,
    );
    if (this.#users === 0) await this.#close().catch(() => undefined);
    // An index that is empty tells of nothing, wherever its file is.
    await removeFiles(this.#place).catch((error: unknown) => {
      if (!isEmptied) throw error;
    });
  }

  /** Leaves the files for the next start. */
  async close(): Promise<void> {
    this.#isGone = true;
    if (this.#users === 0) await this.#close();
  }

  async #use<T>(work: () => Promise<T>): Promise<T> {
    this.#users += 1;
    try {
      return await work();
    } finally {
      this.#users -= 1;
      if (this.#isGone && this.#users === 0) await this.#close();
    }
  }

  async #close(): Promise<void> {
    await Promise.all([this.#records.close(), this.#index.close()]);
  }
}

/** The index goes first: without it the other file is nothing. */
export async function removeFiles(place: Omit<VolumePlace, 'slot'>): Promise<void> {
  for (const ending of [INDEX, RECORDS]) {
    await place.files.remove(pathOf(place, ending)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
  }
}

async function openBoth(place: VolumePlace): Promise<{ readonly records: DiskFile; readonly index: DiskFile }> {
  const records = await place.files.open(pathOf(place, RECORDS));
  try {
    return { records, index: await place.files.open(pathOf(place, INDEX)) };
  } catch (error) {
    await records.close();
    throw error;
  }
}

function pathOf({ directory, id }: Omit<VolumePlace, 'slot'>, ending: string): string {
  return join(directory, `${String(id).padStart(ID_DIGITS, '0')}${ending}`);
}
