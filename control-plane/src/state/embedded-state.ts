/** The state in the control plane's own SQLite file. Synchronous underneath; one process, so no step can interleave. */

import { randomBytes } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import type { FeedMessage, FeedPage, Issuer, PathKey } from '@headwater/protocol/feed';
import { inTransaction } from '../database.ts';
import { streamEntry } from '../stream-entry.ts';
import { EmbeddedLog, LOG_LIMIT } from './embedded-log.ts';
import type { ClaimMove, Creation, Revocation, RevocationLimits, State, StoredPathKey, StreamRecord } from './state.ts';

interface EmbeddedStateOptions {
  readonly logLimit?: number;
}

/** Uses a database that the caller opened and closes. */
export function openEmbeddedState(database: DatabaseSync, options: EmbeddedStateOptions = {}): State {
  return new EmbeddedState(database, options.logLimit ?? LOG_LIMIT);
}

class EmbeddedState implements State {
  readonly #database: DatabaseSync;
  readonly #log: EmbeddedLog;

  constructor(database: DatabaseSync, logLimit: number) {
    this.#database = database;
    this.#log = new EmbeddedLog(
      database,
      this.#readSecret('log-id', () => randomBytes(6).toString('hex')),
      logLimit,
    );
  }

  async streams(): Promise<readonly StreamRecord[]> {
    return this.#bodies('SELECT body FROM stream ORDER BY name') as readonly StreamRecord[];
  }

  async stream(name: string): Promise<StreamRecord | null> {
    return this.#readStream(name);
  }

  async createStream(stream: StreamRecord, limit: number): Promise<Creation> {
    return this.#change((log) => {
      if (this.#readStream(stream.name) !== null) return 'exists';
      if (this.#count('stream') >= limit) return 'full';
      this.#writeStream(stream);
      log({ type: 'stream', stream: streamEntry(stream) });
      return 'created';
    });
  }

  async deleteStream(name: string): Promise<boolean> {
    return this.#change((log) => {
      const gone = this.#run('DELETE FROM stream WHERE name = ?', name) > 0;
      if (gone) log({ type: 'stream-removed', name });
      return gone;
    });
  }

  async moveClaim(name: string, move: ClaimMove): Promise<boolean> {
    return this.#change((log) => {
      const stream = this.#readStream(name);
      if (stream === null || stream.origin !== move.from) return false;
      const moved = { ...stream, origin: move.to, claimedAtMs: move.atMs };
      this.#writeStream(moved);
      if (move.from !== move.to) log({ type: 'stream', stream: streamEntry(moved) });
      return true;
    });
  }

  async noteEpoch(name: string, ordinal: number): Promise<void> {
    const stream = this.#readStream(name);
    if (stream !== null && ordinal > stream.lastEpochOrdinal)
      this.#writeStream({ ...stream, lastEpochOrdinal: ordinal });
  }

  async issuers(): Promise<readonly Issuer[]> {
    return this.#readIssuers();
  }

  async createIssuer(issuer: Issuer, limit: number): Promise<Creation> {
    return this.#change((log) => {
      if (this.#readIssuers().some(({ iss }) => iss === issuer.iss)) return 'exists';
      if (this.#count('issuer') >= limit) return 'full';
      this.#run('INSERT INTO issuer (iss, body) VALUES (?, ?)', issuer.iss, JSON.stringify(issuer));
      log({ type: 'issuer', issuer });
      return 'created';
    });
  }

  async deleteIssuer(iss: string): Promise<boolean> {
    return this.#change((log) => {
      const gone = this.#run('DELETE FROM issuer WHERE iss = ?', iss) > 0;
      if (gone) log({ type: 'issuer-removed', iss });
      return gone;
    });
  }

  async pathKeys(): Promise<readonly StoredPathKey[]> {
    return this.#readPathKeys();
  }

  async replacePathKeys(expected: readonly string[], keys: readonly StoredPathKey[]): Promise<boolean> {
    return this.#change((log) => {
      const kids = this.#readPathKeys().map(({ kid }) => kid);
      if (kids.join() !== expected.join()) return false;
      this.#run('DELETE FROM path_key');
      for (const key of keys) this.#run('INSERT INTO path_key (body) VALUES (?)', JSON.stringify(key));
      log({ type: 'path-keys', keys: keys.map(publicKey) });
      return true;
    });
  }

  async revoke(revocation: Revocation, limits: RevocationLimits): Promise<'created' | 'full'> {
    const subject = revocation.session === undefined ? `n:${revocation.stream}` : `s:${revocation.session}`;
    return this.#change((log) => {
      this.#run('DELETE FROM revocation WHERE subject = ?', subject);
      if (this.#count('revocation') >= limits.count) {
        this.#run('DELETE FROM revocation WHERE at_ms < ?', revocation.atMs - limits.keepMs);
        if (this.#count('revocation') >= limits.count) return 'full';
      }
      const body = JSON.stringify(revocation);
      this.#run('INSERT INTO revocation (subject, body, at_ms) VALUES (?, ?, ?)', subject, body, revocation.atMs);
      log({ type: 'revocation', ...revocation });
      return 'created';
    });
  }

  async secret(name: string, make: () => string): Promise<string> {
    return this.#readSecret(name, make);
  }

  async append(messages: readonly FeedMessage[]): Promise<void> {
    this.#change((log) => messages.forEach(log));
  }

  async snapshot(): Promise<FeedPage> {
    const messages: FeedMessage[] = [{ type: 'path-keys', keys: this.#readPathKeys().map(publicKey) }];
    for (const issuer of this.#readIssuers()) messages.push({ type: 'issuer', issuer });
    for (const stream of await this.streams()) messages.push({ type: 'stream', stream: streamEntry(stream) });
    const revocations = this.#bodies('SELECT body FROM revocation ORDER BY at_ms, rowid') as readonly Revocation[];
    for (const revocation of revocations) messages.push({ type: 'revocation', ...revocation });
    return { cursor: this.#log.head, snapshot: true, messages };
  }

  async changesSince(cursor: string, limit: number): Promise<FeedPage | null> {
    return this.#log.changesSince(cursor, limit);
  }

  onGrowth(listener: () => void): () => void {
    return this.#log.onGrowth(listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The database is the caller's.
  }

  /** One step on the disk; those who wait for the log are told after it. */
  #change<T>(work: (log: (message: FeedMessage) => void) => T): T {
    let grown = false;
    const result = inTransaction(this.#database, () =>
      work((message) => {
        this.#log.append(message);
        grown = true;
      }),
    );
    if (grown) this.#log.announce();
    return result;
  }

  #readStream(name: string): StreamRecord | null {
    const [stream] = this.#bodies('SELECT body FROM stream WHERE name = ?', name) as readonly StreamRecord[];
    return stream ?? null;
  }

  #writeStream(stream: StreamRecord): void {
    this.#run('INSERT OR REPLACE INTO stream (name, body) VALUES (?, ?)', stream.name, JSON.stringify(stream));
  }

  #readIssuers(): readonly Issuer[] {
    return this.#bodies('SELECT body FROM issuer ORDER BY iss') as readonly Issuer[];
  }

  #readPathKeys(): readonly StoredPathKey[] {
    return this.#bodies('SELECT body FROM path_key ORDER BY place') as readonly StoredPathKey[];
  }

  #readSecret(name: string, make: () => string): string {
    return inTransaction(this.#database, () => {
      const kept = this.#database.prepare('SELECT value FROM secret WHERE name = ?').get(name);
      if (kept !== undefined) return kept['value'] as string;
      const value = make();
      this.#run('INSERT INTO secret (name, value) VALUES (?, ?)', name, value);
      return value;
    });
  }

  #bodies(sql: string, ...values: readonly string[]): readonly unknown[] {
    const rows = this.#database.prepare(sql).all(...values);
    return rows.map((row) => JSON.parse(row['body'] as string) as unknown);
  }

  #count(table: 'stream' | 'issuer' | 'revocation'): number {
    return this.#database.prepare(`SELECT count(*) AS count FROM ${table}`).get()?.['count'] as number;
  }

  #run(sql: string, ...values: readonly (string | number)[]): number {
    return Number(this.#database.prepare(sql).run(...values).changes);
  }
}

/** What nodes are told of a key: not when it will be promoted. */
function publicKey({ kid, secret, state }: StoredPathKey): PathKey {
  return { kid, secret, state };
}
