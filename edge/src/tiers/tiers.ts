/**
 * What is stored of other people's origins: RAM first, then disk. It is written to disk when it is stored, not when it has to
 * leave RAM: a kill then costs nothing but what was on its way.
 */

import { setImmediate as nextTurn } from 'node:timers/promises';
import { hashName } from './admission.ts';
import { type DiskOptions, DiskStore } from './disk/disk-store.ts';
import { nodeFiles } from './disk/file-layer.ts';
import { distrust, type NumberedRule, PurgeLog } from './disk/purge-log.ts';
import type { DiskRecord } from './disk/record.ts';
import { bytesOf, entryName, entryOf, extentOf, type Kept, nameOf, recordOf, sliceName } from './kept.ts';
import { RamTier, type WhyDropped } from './ram.ts';
import type { Ledger } from '../unsent.ts';
import { type Keeping, SLICE_BYTES, type SliceExtent, type TierEntry } from './tier-entry.ts';
import { Variants } from './variants.ts';

export interface TiersOptions<E> {
  /** what the RAM tier may hold at any time */
  readonly ramBytes: number;
  /** what it may hold now: less where others who share its memory hold something; by default all */
  readonly ramLimitBytes?: () => number;
  /** called when RAM has taken something */
  readonly onRamGrown?: () => void;
  /** told of the memory of slices that RAM has */
  readonly ledger?: Ledger;
  /** 32 random bits: the names' hashes depend on them, so that nobody can choose names that collide */
  readonly seed: number;
  /** null: no disk tier */
  readonly disk: DiskOptions | null;
  readonly judge: PurgeJudge<E>;
}

/** What knows the rules of purges. */
interface PurgeJudge<E> {
  /** What the rules that are known leave of an entry: itself, another in its place that says more, or nothing. */
  judge(entry: E): E | undefined;
  /** An entry comes from disk, where all was judged up to this sequence: older rules may not be known any more. */
  isJudgedTo(entry: E, sequence: number): void;
}

/** A purge as it was taken up. */
export interface NotedPurge {
  readonly sequence: number;
  /** resolves when no start after this one can bring back what was purged; rejects where that cannot be had */
  readonly noted: Promise<void>;
}

/** So many rules are noted at once; with one more, all that is stored goes. */
export const MOST_RULES = 10_000;
/** Purges come in crowds; they are swept for together. */
const SWEEP_AFTER_MS = 30_000;
/** With so many they do not wait for more. */
const URGENT_RULES = 1_000;
/** The slices of a longer object that is dropped, beyond these, leave the disk when their volumes do. */
const MOST_DROPPED_SLICES = 4_096;
/** Entries judged in one turn of the event loop. */
const JUDGED_AT_ONCE = 500;

type HeldEntry<E> = Extract<Kept<E>, { kind: 'entry' }>;

export class Tiers<E extends TierEntry, R = unknown> {
  readonly #options: TiersOptions<E>;
  readonly #ram: RamTier<Kept<E>>;
  readonly #variants: Variants;
  #disk: DiskStore | null;
  #log: PurgeLog<R> | null;
  #sequence = 0;
  /** all that is on disk was judged up to this */
  #doneTo = 0;
  #sweeping: Promise<void> | null = null;
  #sweepTimer: NodeJS.Timeout | null = null;
  #sweepFailures = 0;

  private constructor(options: TiersOptions<E>, disk: DiskStore | null, log: PurgeLog<R> | null) {
    this.#options = options;
    this.#disk = disk;
    this.#log = log;
    this.#variants = new Variants(options.seed);
    this.#ram = new RamTier({
      mostBytes: options.ramBytes,
      limitBytes: options.ramLimitBytes ?? (() => options.ramBytes),
      onDropped: (kept, why) => this.#leftRam(kept, why),
    });
    this.#sequence = Math.max(log?.history.sequence ?? 0, disk?.sequence ?? 0);
    this.#doneTo = log?.history.doneTo ?? 0;
    if (disk !== null) disk.sequence = this.#sequence;
  }

  /** @throws what the file layer throws when the directory cannot be made or read; damage within is no reason */
  static async open<E extends TierEntry, R>(options: TiersOptions<E>): Promise<Tiers<E, R>> {
    if (options.disk === null) return new Tiers<E, R>(options, null, null);
    const { files = nodeFiles, directory, limitBytes } = options.disk;
    if (limitBytes === 0) {
      // What is purged in this run is not noted for what a run before has left.
      await distrust(files, directory);
      return new Tiers<E, R>(options, null, null);
    }
    const log = await PurgeLog.open<R>(files, directory);
    const disk = await DiskStore.open(options.disk);
    const tiers = new Tiers<E, R>(options, disk, log);
    if (!log.isTrusted) {
      // What was purged before is not known: nothing may be given of what is there.
      await disk.clear();
      await tiers.#done(tiers.#sequence).catch(() => (tiers.#sweepFailures += 1));
    }
    return tiers;
  }

  get ram(): Readonly<Pick<RamTier<never>, 'bytes' | 'count' | 'refused' | 'evicted'>> {
    return this.#ram;
  }

  get disk(): Omit<DiskStore, 'put' | 'drop' | 'get' | 'clear' | 'sweep' | 'close'> | null {
    return this.#disk;
  }

  /** sweeps that could not note that they were done; the rules stay */
  get sweepFailures(): number {
    return this.#sweepFailures;
  }

  /** the number of the last purge: what is fetched from now on has it */
  get sequence(): number {
    return this.#sequence;
  }

  /** Purges of runs before this whose work is not done: what they are of may still be on disk. */
  get rules(): readonly NumberedRule<R>[] {
    return this.#log?.history.rules ?? [];
  }

  /** Whether every purge of the feed up to there was taken up: then what is on disk may be given. */
  isInStepWith(cursor: string): boolean {
    return this.#log?.history.cursors.includes(cursor) ?? false;
  }

  entry(key: string): E | undefined | Promise<E | undefined> {
    const name = entryName(key);
    const kept = this.#ram.get(name, hashName(key, this.#options.seed));
    if (kept?.kind === 'entry') return kept.entry;
    const found = this.#disk?.get(name);
    return found instanceof Promise
      ? found.then((record) => this.#entryFrom(key, record))
      : this.#entryFrom(key, found);
  }

  slice(variantId: string, index: number): SliceExtent | undefined | Promise<SliceExtent | undefined> {
    const name = sliceName(variantId, index);
    const kept = this.#ram.get(name, this.#variants.hashOf(variantId, index));
    if (kept?.kind === 'slice') return kept.extent;
    const found = this.#disk?.get(name);
    if (!(found instanceof Promise)) return this.#sliceFrom(variantId, index, found);
    return found.then((record) => this.#sliceFrom(variantId, index, record));
  }

  /** Stores what purges leave of an entry in the place of the one before; the slices of variants that it has no more go. */
  putEntry(whole: E, keeping: Keeping = 'tiers'): void {
    const entry = this.#options.judge.judge(whole);
    if (entry === undefined) return this.#dropKnown(whole);
    for (const variant of this.#heldEntry(entry.key)?.entry.variants ?? []) {
      if (!entry.variants.some(({ id }) => id === variant.id)) this.#dropSlices(variant);
    }
    const kept = { kind: 'entry', entry, keeping } as const;
    if (keeping === 'tiers') this.#disk?.put(recordOf(kept));
    else if (this.#disk?.has(nameOf(kept)) === true) this.#disk.drop(nameOf(kept));
    this.#keepEntry(kept);
  }

  /** Stores what there is of a slice in the place of what there was. On disk that is a new copy: call it once for each. */
  putSlice(variantId: string, index: number, extent: SliceExtent, keeping: Keeping = 'tiers'): void {
    const kept = { kind: 'slice', variantId, index, extent, keeping } as const;
    if (keeping === 'tiers') this.#disk?.put(recordOf(kept));
    this.#keepSlice(kept);
  }

  /** Drops an entry and the slices of its variants. */
  dropEntry(key: string): void {
    const held = this.#heldEntry(key);
    this.#disk?.drop(entryName(key));
    this.#ram.delete(entryName(key));
    for (const variant of held?.entry.variants ?? []) this.#dropSlices(variant);
  }

  /** Drops all that is stored now. */
  async clear(): Promise<void> {
    for (const name of this.#ram.names()) this.#ram.delete(name);
    await this.#disk?.clear();
  }

  /** Comes down to what RAM may hold now. */
  trimRam(): void {
    this.#ram.trim();
  }

  /** Takes up a purge. What is stored is judged when it is asked for, and behind that by a sweep. */
  purged(rule: R): NotedPurge {
    this.#sequence += 1;
    const sequence = this.#sequence;
    if (this.#disk !== null) this.#disk.sequence = sequence;
    this.#sweepSoon();
    const isOneTooMany = sequence - this.#doneTo > MOST_RULES;
    return { sequence, noted: isOneTooMany ? this.#purgeAll(sequence) : this.#note(sequence, rule) };
  }

  /** All purges of the feed up to here have been taken up and noted. */
  async noteCursor(cursor: string): Promise<void> {
    if (this.#log?.history.cursors.at(-1) !== cursor) await this.#log?.note({ kind: 'cursor', cursor });
  }

  /** Judges all that is stored by the rules that are known now, which then have done their work. */
  async sweep(): Promise<void> {
    while (this.#sweeping !== null) await this.#sweeping;
    this.#sweeping = this.#sweep().finally(() => (this.#sweeping = null));
    await this.#sweeping;
  }

  async close(): Promise<void> {
    if (this.#sweepTimer !== null) clearTimeout(this.#sweepTimer);
    await this.releaseDisk();
  }

  /** Closes the disk tier, for another process to open; what is in RAM stays. */
  async releaseDisk(): Promise<void> {
    await this.#sweeping?.catch(() => undefined);
    const [disk, log] = [this.#disk, this.#log];
    this.#disk = null;
    this.#log = null;
    await disk?.close();
    await log?.close();
  }

  #sweepSoon(): void {
    const isUrgent = this.#sequence - this.#doneTo > URGENT_RULES && this.#sweeping === null;
    if (this.#sweepTimer !== null && !isUrgent) return;
    if (this.#sweepTimer !== null) clearTimeout(this.#sweepTimer);
    this.#sweepTimer = setTimeout(
      () => {
        this.#sweepTimer = null;
        void this.sweep().catch(() => (this.#sweepFailures += 1));
      },
      isUrgent ? 0 : SWEEP_AFTER_MS,
    ).unref();
  }

  async #note(sequence: number, rule: R): Promise<void> {
    try {
      await this.#log?.note({ kind: 'purge', sequence, rule });
    } catch {
      // The rule cannot be kept: then what it is of must not be kept either, nor be believed if it cannot be removed.
      const distrusted = this.#log?.distrust();
      await this.clear();
      await distrusted;
    }
  }

  async #purgeAll(sequence: number): Promise<void> {
    await this.clear();
    await this.#done(sequence);
  }

  async #sweep(): Promise<void> {
    const sequence = this.#sequence;
    let judged = 0;
    for (const name of this.#ram.names()) {
      const kept = this.#ram.peek(name);
      if (kept?.kind !== 'entry') continue;
      this.#judge(kept.entry);
      judged += 1;
      if (judged % JUDGED_AT_ONCE === 0) await nextTurn();
    }
    await this.#disk?.sweep((record) => this.#judge(this.#decode(record)));
    // What could not be removed may be there again after a restart: the rules are needed on.
    if ((this.#disk?.unremoved ?? 0) === 0) await this.#done(sequence);
  }

  async #done(sequence: number): Promise<void> {
    // A rule is forgotten only where what it was of cannot come back.
    await this.#disk?.sync();
    this.#doneTo = Math.max(this.#doneTo, sequence);
    await this.#log?.note({ kind: 'done', sequence });
  }

  /** @returns whether it may stay as it is */
  #judge(entry: E): boolean {
    const left = this.#options.judge.judge(entry);
    if (left === entry) return true;
    if (left === undefined) {
      this.#dropKnown(entry);
      return false;
    }
    const held = this.#heldEntry(left.key);
    const kept = { kind: 'entry', entry: left, keeping: held?.keeping ?? 'tiers' } as const;
    if (kept.keeping === 'tiers') this.#disk?.put(recordOf(kept));
    if (held !== undefined) this.#keepEntry(kept);
    return true;
  }

  #dropKnown(entry: E): void {
    this.dropEntry(entry.key);
    for (const variant of entry.variants) this.#dropSlices(variant);
  }

  #entryFrom(key: string, record: DiskRecord | undefined): E | undefined {
    // While the disk was read it may have been stored anew.
    const held = this.#heldEntry(key);
    if (held !== undefined || record === undefined) return held?.entry;
    const entry = this.#decode(record);
    this.#keepEntry({ kind: 'entry', entry, keeping: 'tiers' });
    return entry;
  }

  #decode(record: DiskRecord): E {
    const entry = entryOf(record) as E;
    this.#options.judge.isJudgedTo(entry, this.#doneTo);
    return entry;
  }

  #sliceFrom(variantId: string, index: number, record: DiskRecord | undefined): SliceExtent | undefined {
    const held = this.#ram.peek(sliceName(variantId, index));
    if (held?.kind === 'slice') return held.extent;
    if (record === undefined) return undefined;
    const extent = extentOf(record);
    this.#keepSlice({ kind: 'slice', variantId, index, extent, keeping: 'tiers' });
    return extent;
  }

  #heldEntry(key: string): HeldEntry<E> | undefined {
    const kept = this.#ram.peek(entryName(key));
    return kept?.kind === 'entry' ? kept : undefined;
  }

  #keepEntry(kept: HeldEntry<E>): void {
    const hash = hashName(kept.entry.key, this.#options.seed);
    for (const { id } of kept.entry.variants) this.#variants.list(id, hash);
    this.#ram.put(nameOf(kept), kept, { bytes: bytesOf(kept), hash });
    this.#options.onRamGrown?.();
  }

  #keepSlice(kept: Kept<E> & { readonly kind: 'slice' }): void {
    const { variantId, index, extent } = kept;
    const hash = this.#variants.hashOf(variantId, index);
    this.#variants.add(variantId, index);
    const replaced = this.#ram.peek(nameOf(kept));
    this.#options.ledger?.keep(extent.bytes.buffer);
    this.#ram.put(nameOf(kept), kept, { bytes: bytesOf(kept), hash });
    if (replaced?.kind === 'slice') this.#options.ledger?.release(replaced.extent.bytes.buffer);
    this.#options.onRamGrown?.();
  }

  #dropSlices({ id, lengthBytes }: TierEntry['variants'][number]): void {
    const slices = new Set(this.#variants.unlist(id));
    const expected = Math.ceil((lengthBytes ?? 0) / SLICE_BYTES);
    if (this.#disk !== null)
      for (let index = 0; index < Math.min(expected, MOST_DROPPED_SLICES); index += 1) slices.add(index);
    for (const index of slices) {
      this.#disk?.drop(sliceName(id, index));
      this.#ram.delete(sliceName(id, index));
    }
  }

  #leftRam(kept: Kept<E>, why: WhyDropped): void {
    if (kept.kind === 'slice') {
      this.#variants.remove(kept.variantId, kept.index);
      this.#options.ledger?.release(kept.extent.bytes.buffer);
    } else for (const { id } of kept.entry.variants) this.#unlist(id, kept.keeping);
    // It was popular: when its volume goes it stays, and if that has gone already it is written again.
    if (why !== 'evicted' || this.#disk === null || kept.keeping === 'ram') return;
    if (this.#disk.has(nameOf(kept))) this.#disk.markUsed(nameOf(kept));
    else this.#disk.put(recordOf(kept));
  }

  /** Slices whose entry is gone, and not on disk either, can be asked for by nobody. */
  #unlist(id: string, keeping: Keeping): void {
    const slices = this.#variants.unlist(id);
    if (this.#disk === null || keeping === 'ram') for (const index of slices) this.#ram.delete(sliceName(id, index));
  }
}
