/** The control plane's one SQLite file. */

import { chmodSync, closeSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

const SCHEMA_VERSION = 2;

const SCHEMA = `
  CREATE TABLE document (
    collection TEXT NOT NULL, id TEXT NOT NULL, revision INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (collection, id)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE counter (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), value INTEGER NOT NULL) STRICT;
  INSERT INTO counter VALUES (1, 0);
  CREATE TABLE log (seq INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL) STRICT;
  CREATE TABLE log_id (only_row INTEGER PRIMARY KEY DEFAULT 1 CHECK (only_row = 1), id TEXT NOT NULL) STRICT;
  PRAGMA user_version = ${SCHEMA_VERSION};
`;

/**
 * Opens the file, and makes it where there is none; for the owner alone, since it holds keys. Every commit is on the disk
 * before its answer is sent (WAL with full synchronisation), and a second process on the same file is refused.
 * @throws Error for a file in use, damaged, or of another version
 */
export function openDatabase(path: string): DatabaseSync {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  closeSync(openSync(path, 'a', 0o600));
  chmodSync(path, 0o600);
  const database = new DatabaseSync(path);
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
    const { user_version: version } = database.prepare('PRAGMA user_version').get() as { user_version: number };
    if (version === 0) inTransaction(database, () => database.exec(SCHEMA));
    else if (version !== SCHEMA_VERSION)
      throw new Error(`it has schema ${version}; this version reads ${SCHEMA_VERSION}`);
  } catch (cause) {
    database.close();
    throw new Error(`${path} cannot be opened: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
  return database;
}

/** SQLite's primary result codes for a disk that is full, fails, or may not be written (sqlite.org/rescode.html). */
const UNWRITABLE: ReadonlySet<number> = new Set([8, 10, 13, 14]);

/** Whether the disk refused, rather than the statement being wrong. */
export function isUnwritable(error: unknown): boolean {
  const code = error instanceof Error && 'errcode' in error ? Number(error.errcode) : 0;
  return UNWRITABLE.has(code & 0xff);
}

/** Which file stands under the database's name; null for none. SQLite goes on writing into one that was deleted. */
export function fileOf(database: DatabaseSync): string | null {
  const file = statSync(database.location() ?? '', { throwIfNoEntry: false });
  return file === undefined ? null : `${file.dev} ${file.ino}`;
}

/** Runs `work` as one step: all of its changes are kept, or, when it throws, none. */
export function inTransaction<T>(database: DatabaseSync, work: () => T): T {
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    // SQLite itself takes the step back when the disk is full or fails.
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}
