/** The store in the control plane's own SQLite file. Synchronous underneath; one process, so no step can interleave. */

import { randomBytes } from 'node:crypto';
import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import type { FeedPage } from '@headwater/protocol/feed';
import { fileOf, inTransaction, isUnwritable } from '../database.ts';
import { EmbeddedLog, LOG_LIMIT } from './embedded-log.ts';
import {
  type Change,
  type Collection,
  type Document,
  type Facts,
  type Outcome,
  type Page,
  type Step,
  type Store,
  StoreUnavailable,
} from './store.ts';

interface EmbeddedStoreOptions {
  readonly logLimit?: number;
  /** a step could not be kept, or can again */
  readonly onAvailable?: (available: boolean, reason: string) => void;
}

/** Uses a database that the caller opened and closes. */
export function openEmbeddedStore(database: DatabaseSync, options: EmbeddedStoreOptions = {}): Store {
  return new EmbeddedStore(database, options);
}

class EmbeddedStore implements Store {
  readonly #database: DatabaseSync;
  readonly #log: EmbeddedLog;
  readonly #file: string | null;
  readonly #facts = new Map<string, Map<string, string>>();
  readonly #onAvailable: EmbeddedStoreOptions['onAvailable'];
  #isWritable = true;

  constructor(database: DatabaseSync, { logLimit = LOG_LIMIT, onAvailable }: EmbeddedStoreOptions) {
    this.#database = database;
    this.#file = fileOf(database);
    this.#onAvailable = onAvailable;
    this.#log = new EmbeddedLog(database, this.#logId(), logLimit);
  }

  async get(collection: Collection, id: string): Promise<Document | null> {
    const sql = 'SELECT id, revision, body FROM document WHERE collection = ? AND id = ?';
    return this.#documents(sql, collection, id)[0] ?? null;
  }

  async list(collection: Collection, page: Page = {}): Promise<readonly Document[]> {
    const sql = 'SELECT id, revision, body FROM document WHERE collection = ? AND id > ? ORDER BY id LIMIT ?';
    return this.#documents(sql, collection, page.after ?? '', page.limit ?? -1);
  }

  async count(collection: Collection): Promise<number> {
    return this.#count(collection);
  }

  async commit(step: Step): Promise<Outcome> {
    const outcome = this.#kept(step);
    if (outcome === 'done' && (step.log?.length ?? 0) > 0) this.#log.announce();
    return outcome;
  }

  async head(): Promise<string> {
    return this.#log.head;
  }

  async changesSince(cursor: string, limit: number): Promise<FeedPage | null> {
    return this.#log.changesSince(cursor, limit);
  }

  onGrowth(listener: () => void): () => void {
    return this.#log.onGrowth(listener);
  }

  async share(topic: string, facts: Facts): Promise<void> {
    const known = this.#facts.get(topic) ?? new Map<string, string>();
    this.#facts.set(topic, known);
    for (const [name, fact] of Object.entries(facts)) {
      if (fact === null) known.delete(name);
      else known.set(name, fact);
    }
  }

  async shared(topic: string): Promise<ReadonlyMap<string, string>> {
    return this.#facts.get(topic) ?? new Map<string, string>();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The database is the caller's.
  }

  /** What was there can be read all the while that nothing can be written. */
  #kept(step: Step): Outcome {
    if (fileOf(this.#database) !== this.#file) this.#refuse('its file was removed or replaced');
    try {
      const outcome = inTransaction(this.#database, () => this.#apply(step));
      if (outcome === 'done') this.#tell(true, 'a step was kept');
      return outcome;
    } catch (error) {
      if (!isUnwritable(error)) throw error;
      this.#refuse((error as Error).message, error);
    }
  }

  #refuse(reason: string, cause?: unknown): never {
    this.#tell(false, reason);
    throw new StoreUnavailable(`the state cannot be written: ${reason}`, { cause });
  }

  #tell(isWritable: boolean, reason: string): void {
    if (isWritable === this.#isWritable) return;
    this.#isWritable = isWritable;
    this.#onAvailable?.(isWritable, reason);
  }

  #apply({ changes, log = [], room }: Step): Outcome {
    if (changes.some((change) => this.#revision(change) !== change.expect)) return 'conflict';
    if (room !== undefined && this.#count(room.collection) >= room.most) return 'full';
    for (const change of changes) this.#write(change);
    for (const message of log) this.#log.append(message);
    return 'done';
  }

  #write({ collection, id, body }: Change): void {
    if (body === undefined) return this.#run('DELETE FROM document WHERE collection = ? AND id = ?', collection, id);
    const sql = 'INSERT OR REPLACE INTO document (collection, id, revision, body) VALUES (?, ?, ?, ?)';
    this.#run(sql, collection, id, this.#nextRevision(), JSON.stringify(body));
  }

  #revision({ collection, id }: Change): number {
    const sql = 'SELECT revision FROM document WHERE collection = ? AND id = ?';
    return Number(this.#database.prepare(sql).get(collection, id)?.['revision'] ?? 0);
  }

  #nextRevision(): number {
    const sql = 'UPDATE counter SET value = value + 1 RETURNING value';
    return Number(this.#database.prepare(sql).get()?.['value']);
  }

  #count(collection: Collection): number {
    const sql = 'SELECT count(*) AS count FROM document WHERE collection = ?';
    return Number(this.#database.prepare(sql).get(collection)?.['count']);
  }

  #documents(sql: string, ...values: readonly SQLInputValue[]): Document[] {
    const rows = this.#database.prepare(sql).all(...values) as { id: string; revision: number; body: string }[];
    return rows.map(({ id, revision, body }) => ({ id, revision, body: JSON.parse(body) as unknown }));
  }

  /** Made once; a file that is made anew has another, so that no cursor of the old one fits it. */
  #logId(): string {
    this.#run('INSERT OR IGNORE INTO log_id (id) VALUES (?)', randomBytes(6).toString('hex'));
    return this.#database.prepare('SELECT id FROM log_id').get()?.['id'] as string;
  }

  #run(sql: string, ...values: readonly SQLInputValue[]): void {
    this.#database.prepare(sql).run(...values);
  }
}
