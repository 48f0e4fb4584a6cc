/** What is to be written, bounded; until it is, it can be had from here. */

import { type DiskRecord, MOST_RECORD_BYTES, recordBytes } from './record.ts';

export interface QueuedRecord extends DiskRecord {
  readonly isEntry: boolean;
}

/** All that waits for a slow disk. */
const MOST_QUEUED_BYTES = 32 * 1024 * 1024;
const MOST_QUEUED_RECORDS = 32_768;
const BATCH_BYTES = 4 * 1024 * 1024;
/** so that a batch's items are one block of an index */
const BATCH_RECORDS = 1_024;

export class WriteQueue {
  readonly #records = new Map<string, QueuedRecord>();
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  get records(): number {
    return this.#records.size;
  }

  get(name: string): QueuedRecord | undefined {
    return this.#records.get(name);
  }

  /** @returns false if there is no room; then what was queued under the name is gone as well */
  add(record: QueuedRecord): boolean {
    this.delete(record.name);
    const bytes = recordBytes(record);
    const isFull = this.#bytes + bytes > MOST_QUEUED_BYTES || this.#records.size >= MOST_QUEUED_RECORDS;
    if (isFull || bytes > MOST_RECORD_BYTES) return false;
    this.keep(record);
    return true;
  }

  /** Adds what has a bound elsewhere. */
  keep(record: QueuedRecord): void {
    this.#records.set(record.name, record);
    this.#bytes += recordBytes(record);
  }

  delete(name: string): boolean {
    const record = this.#records.get(name);
    if (record === undefined) return false;
    this.#records.delete(name);
    this.#bytes -= recordBytes(record);
    return true;
  }

  entries(): readonly QueuedRecord[] {
    return [...this.#records.values()].filter(({ isEntry }) => isEntry);
  }

  clear(): void {
    this.#records.clear();
    this.#bytes = 0;
  }

  /** The first of the queue, as much as is written at once. They stay in the queue. */
  batch(): readonly QueuedRecord[] {
    const batch: QueuedRecord[] = [];
    let bytes = 0;
    for (const record of this.#records.values()) {
      bytes += recordBytes(record);
      if (batch.length === BATCH_RECORDS || (batch.length > 0 && bytes > BATCH_BYTES)) break;
      batch.push(record);
    }
    return batch;
  }
}
