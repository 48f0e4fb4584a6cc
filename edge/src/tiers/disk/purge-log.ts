/**
 * What was purged, and up to where the orders were followed, for the start after this run: one line each, its CRC-32 before it.
 * A log that is not what was written says so: what had been purged cannot be known then, and nothing that is stored can be
 * trusted.
 */

import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { DiskFile, FileLayer } from './file-layer.ts';

const NAME = 'purges.log';
const DRAFT = `${NAME}.new`;
/** A longer log is written anew, with what still counts. */
const FOLD_BYTES = 1024 * 1024;
/** The feed's own record of where it is may lie so many pages behind after a crash. */
export const MOST_CURSORS = 256;

/** Whether a file is such a log, or the draft of one. */
export function isPurgeLog(name: string): boolean {
  return name === NAME || name === DRAFT;
}

export interface NumberedRule<R> {
  readonly sequence: number;
  readonly rule: R;
}

type Line<R> =
  | { readonly kind: 'purge'; readonly sequence: number; readonly rule: R }
  | { readonly kind: 'cursor'; readonly cursor: string }
  /** sequences up to this were given out */
  | { readonly kind: 'given'; readonly sequence: number }
  /** all rules up to this have done their work */
  | { readonly kind: 'done'; readonly sequence: number };

interface History<R> {
  /** those that have not done their work everywhere, lowest first */
  rules: NumberedRule<R>[];
  /** the highest that was ever given out */
  sequence: number;
  /** where in the feed pages were followed, the last one last */
  cursors: string[];
  /** rules up to here are not known any more */
  doneTo: number;
}

function noHistory<R>(): History<R> {
  return { rules: [], sequence: 0, cursors: [], doneTo: 0 };
}

export class PurgeLog<R> {
  readonly #files: FileLayer;
  readonly #directory: string;
  /** whether what was purged before is known */
  readonly isTrusted: boolean;
  readonly #history: History<R>;
  #file: DiskFile | null = null;
  #endBytes = 0;
  #unwritten: Line<R>[] = [];
  #writing: Promise<void> | null = null;
  #next: Promise<void> | null = null;

  private constructor(files: FileLayer, directory: string, found: History<R> | null) {
    this.#files = files;
    this.#directory = directory;
    this.#history = found ?? noHistory();
    this.isTrusted = found !== null;
  }

  static async open<R>(files: FileLayer, directory: string): Promise<PurgeLog<R>> {
    await files.makeDirectory(directory);
    const bytes = await files.readWhole(join(directory, NAME)).catch(() => null);
    return new PurgeLog<R>(files, directory, bytes === null ? null : readLog<R>(bytes));
  }

  get history(): Readonly<History<R>> {
    return this.#history;
  }

  /** Takes effect here at once. @throws if the next start would not know it; else that is sure when this resolves */
  note(line: Line<R>): Promise<void> {
    fold(this.#history, line);
    this.#unwritten.push(line);
    // Whoever comes while others are being written is written next, with all who came.
    this.#next ??= this.#afterThis();
    return this.#next;
  }

  /** After this the next start trusts nothing that is stored. */
  async distrust(): Promise<void> {
    await this.#file?.close();
    this.#file = null;
    await distrust(this.#files, this.#directory);
  }

  async close(): Promise<void> {
    await this.#next?.catch(() => undefined);
    await this.#writing?.catch(() => undefined);
    await this.#file?.close();
    this.#file = null;
  }

  async #afterThis(): Promise<void> {
    await this.#writing?.catch(() => undefined);
    this.#next = null;
    this.#writing = this.#write();
    await this.#writing;
  }

  async #write(): Promise<void> {
    const lines = this.#unwritten;
    this.#unwritten = [];
    try {
      if (this.#file === null || this.#endBytes > FOLD_BYTES) await this.#fold();
      else await this.#append(lines);
    } catch (error) {
      // The file may end in half a line: the next is written into a new one.
      this.#endBytes = Infinity;
      throw error;
    }
  }

  async #append(lines: readonly Line<R>[]): Promise<void> {
    const bytes = Buffer.from(lines.map(textOf).join(''));
    await this.#file?.write([bytes], this.#endBytes);
    // A cursor that is lost with the power only makes what is stored seem older than it is.
    if (lines.some(({ kind }) => kind !== 'cursor')) await this.#file?.sync();
    this.#endBytes += bytes.length;
  }

  /** Writes what counts into a file beside, which then takes the place of the old one. */
  async #fold(): Promise<void> {
    const { rules, sequence, cursors, doneTo } = this.#history;
    const lines: Line<R>[] = [
      { kind: 'done', sequence: doneTo },
      ...rules.map((rule) => ({ kind: 'purge' as const, ...rule })),
      { kind: 'given', sequence },
      ...cursors.map((cursor) => ({ kind: 'cursor' as const, cursor })),
    ];
    const draft = join(this.#directory, DRAFT);
    const file = await this.#files.open(draft);
    try {
      await file.truncate(0);
      const bytes = Buffer.from(lines.map(textOf).join(''));
      await file.write([bytes], 0);
      await file.sync();
      await this.#files.rename(draft, join(this.#directory, NAME));
      await this.#files.syncDirectory(this.#directory);
      await this.#file?.close();
      this.#file = file;
      this.#endBytes = bytes.length;
    } catch (error) {
      await file.close();
      throw error;
    }
  }
}

/** Without its log nothing in the directory is trusted. */
export async function distrust(files: FileLayer, directory: string): Promise<void> {
  try {
    await files.remove(join(directory, NAME));
    await files.syncDirectory(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

function fold<R>(history: History<R>, line: Line<R>): void {
  switch (line.kind) {
    case 'purge':
      history.rules.push({ sequence: line.sequence, rule: line.rule });
      history.sequence = Math.max(history.sequence, line.sequence);
      return;
    case 'cursor':
      history.cursors.push(line.cursor);
      if (history.cursors.length > MOST_CURSORS) history.cursors.shift();
      return;
    case 'given':
      history.sequence = Math.max(history.sequence, line.sequence);
      return;
    case 'done':
      history.rules = history.rules.filter(({ sequence }) => sequence > line.sequence);
      history.doneTo = Math.max(history.doneTo, line.sequence);
      history.sequence = Math.max(history.sequence, line.sequence);
  }
}

function textOf<R>(line: Line<R>): string {
  const text = JSON.stringify(line);
  return `${checksum(text)} ${text}\n`;
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, '0');
}

/** @returns null if a line is not what was written, but for the last, which may not have been finished */
function readLog<R>(bytes: Buffer): History<R> | null {
  const lines = bytes.toString('utf8').split('\n');
  const history = noHistory<R>();
  for (const [index, line] of lines.entries()) {
    const isLast = index === lines.length - 1;
    // Nobody was told that a line was written of which the end is missing; but a line's end may be damaged, too.
    const text = wholeText(line) ?? (isLast ? wholeText(line.slice(0, -1)) : null);
    if (text !== null) fold(history, JSON.parse(text) as Line<R>);
    else if (!isLast) return null;
  }
  return lines.length > 1 ? history : null;
}

function wholeText(line: string): string | null {
  const text = line.slice(9);
  return line.slice(0, 9) === `${checksum(text)} ` ? text : null;
}
