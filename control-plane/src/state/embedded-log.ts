/** The ordered log in SQLite. A cursor is the log's own id and a sequence number; a new log has a new id. */

import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { FeedMessage, FeedPage } from '@headwater/protocol/feed';

/** A node that was away for more changes than this gets a snapshot. */
export const LOG_LIMIT = 10_000;
/** Trimming at each entry would cost a write each; this many more may stand. */
const TRIM_EVERY = 256;

export class EmbeddedLog {
  readonly #id: string;
  readonly #insert: StatementSync;
  readonly #trim: StatementSync;
  readonly #after: StatementSync;
  readonly #bounds: StatementSync;
  readonly #listeners = new Set<() => void>();
  readonly #limit: number;

  constructor(database: DatabaseSync, id: string, limit: number) {
    this.#id = id;
    this.#limit = limit;
    this.#insert = database.prepare('INSERT INTO log (body) VALUES (?)');
    this.#trim = database.prepare('DELETE FROM log WHERE seq <= ?');
    this.#after = database.prepare('SELECT seq, body FROM log WHERE seq > ? ORDER BY seq LIMIT ?');
    // sqlite_sequence remembers the head also when every entry was trimmed.
    this.#bounds = database.prepare(
      `SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'log'), 0) AS head,
              coalesce((SELECT min(seq) FROM log), 0) AS oldest`,
    );
  }

  get head(): string {
    return this.#cursor(this.#position().head);
  }

  /** Inside the caller's transaction; the caller announces after it. */
  append(message: FeedMessage): void {
    const seq = Number(this.#insert.run(JSON.stringify(message)).lastInsertRowid);
    if (seq % TRIM_EVERY === 0) this.#trim.run(seq - this.#limit);
  }

  announce(): void {
    for (const listener of this.#listeners) listener();
  }

  onGrowth(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  changesSince(cursor: string, limit: number): FeedPage | null {
    const after = this.#parse(cursor);
    const { head, oldest } = this.#position();
    // A cursor ahead of the head is from before the file was restored from a copy.
    if (after === null || after > head || (after < head && after < oldest - 1)) return null;
    const rows = this.#after.all(after, limit) as unknown as readonly { seq: number; body: string }[];
    return {
      cursor: this.#cursor(rows.at(-1)?.seq ?? after),
      snapshot: false,
      messages: rows.map((row) => JSON.parse(row.body) as FeedMessage),
    };
  }

  #position(): { head: number; oldest: number } {
    return this.#bounds.get() as unknown as { head: number; oldest: number };
  }

  #cursor(seq: number): string {
    return `${this.#id}.${seq}`;
  }

  #parse(cursor: string): number | null {
    const [id, seq, ...rest] = cursor.split('.');
    return id === this.#id && rest.length === 0 && /^(0|[1-9]\d{0,14})$/.test(seq ?? '') ? Number(seq) : null;
  }
}
