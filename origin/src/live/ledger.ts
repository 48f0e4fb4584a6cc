/**
 * What must survive this process of each stream: the ordinal of its newest epoch and its newest segment's number, so that
 * neither is ever used twice. One small file, written behind; a write lost to `kill -9` costs a segment at most, because the
 * control plane hears the ordinals, too.
 */

import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

export interface LedgerEntry {
  readonly ordinal: number;
  readonly newestSegment: number;
}

/** The oldest entry goes when there are more streams. */
export const MAX_LEDGER_ENTRIES = 10_000;

export class Ledger implements AsyncDisposable {
  readonly #file: string;
  readonly #entries: Map<string, LedgerEntry>;
  readonly #onError: (error: unknown) => void;
  #dirty = false;
  #writing: Promise<void> | null = null;

  private constructor(file: string, entries: Map<string, LedgerEntry>, onError: (error: unknown) => void) {
    this.#file = file;
    this.#entries = entries;
    this.#onError = onError;
  }

  /** A file that is missing or damaged reads as empty; `onError` hears of the damage. */
  static async open(file: string, onError: (error: unknown) => void): Promise<Ledger> {
    await mkdir(dirname(file), { recursive: true });
    try {
      return new Ledger(file, readEntries(await readFile(file, 'utf8')), onError);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') onError(error);
      return new Ledger(file, new Map(), onError);
    }
  }

  get(stream: string): LedgerEntry | undefined {
    return this.#entries.get(stream);
  }

  set(stream: string, entry: LedgerEntry): void {
    // Set anew, so that the map's order is the order of use.
    this.#entries.delete(stream);
    this.#entries.set(stream, entry);
    const oldest = this.#entries.keys().next().value;
    if (this.#entries.size > MAX_LEDGER_ENTRIES && oldest !== undefined) this.#entries.delete(oldest);
    this.#dirty = true;
    this.#writing ??= this.#write();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing;
  }

  async #write(): Promise<void> {
    try {
      while (this.#dirty) {
        this.#dirty = false;
        await writeFile(`${this.#file}.new`, JSON.stringify(Object.fromEntries(this.#entries)));
        await rename(`${this.#file}.new`, this.#file);
      }
    } catch (error) {
      this.#onError(error);
    } finally {
      this.#writing = null;
    }
  }
}

function readEntries(text: string): Map<string, LedgerEntry> {
  const entries = new Map<string, LedgerEntry>();
  for (const [stream, value] of Object.entries(JSON.parse(text) as Record<string, unknown>)) {
    const { ordinal, newestSegment } = value as Partial<LedgerEntry>;
    if (!Number.isSafeInteger(ordinal) || !Number.isSafeInteger(newestSegment))
      throw new Error(`${stream}: not an entry`);
    entries.set(stream, { ordinal: ordinal as number, newestSegment: newestSegment as number });
  }
  return entries;
}
