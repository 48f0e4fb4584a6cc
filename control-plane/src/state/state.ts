/**
 * What the control plane must not forget, and the ordered log of it that nodes follow. Each change and its log entry are one
 * step of the store.
 */

import type { FeedMessage, FeedPage, Issuer, Ladder, PathKey, Purge, StreamEntry } from '@headwater/protocol/feed';
import type { ConfigEntry } from '@headwater/protocol/settings';
import type { ZoneEntry } from '@headwater/protocol/zone';
import { streamEntry } from '../stream-entry.ts';
import type { Change, Collection, Document, Outcome, Page, Step, Store } from './store.ts';

/** A stream as its owner made it, and who publishes it. */
export interface StreamRecord {
  readonly name: string;
  readonly policy: StreamEntry['policy'];
  readonly ladder: Ladder | null;
  /** the publish key; only its hash goes to the nodes */
  readonly key: string;
  /** node id of the origin that has the claim */
  readonly origin: string | null;
  readonly claimedAtMs: number;
  /** of the newest epoch that an origin told of; -1 before the first */
  readonly lastEpochOrdinal: number;
}

/** A path key, and when it is to become the current one, where that is still to come. */
export type StoredPathKey = PathKey & { readonly promoteAtMs?: number };

/** What became of making something: its name may be taken, or there may be no room. */
export type Creation = 'created' | 'exists' | 'full';

export interface Revocation {
  readonly session?: string;
  readonly stream?: string;
  readonly zone?: string;
  readonly atMs: number;
}

export interface ClaimMove {
  readonly from: string | null;
  readonly to: string | null;
  readonly atMs: number;
}

export interface RevocationLimits {
  readonly count: number;
  readonly keepMs: number;
}

/** A step that another one kept coming before is given up after so many tries. */
const TRIES = 16;
/** So many revocations go at once. */
const TRIM_BATCH = 500;
const NO_LIMIT = Number.MAX_SAFE_INTEGER;
/** All path keys are one document: they change together. */
const PATH_KEYS = { collection: 'path-keys', id: 'all' } as const;

export class State {
  readonly store: Store;
  /** wall clock; until then no revocation is old enough to go, and looking through all of them is in vain */
  #keptUntilMs = 0;

  constructor(store: Store) {
    this.store = store;
  }

  async streams(page?: Page): Promise<readonly StreamRecord[]> {
    return this.#bodies<StreamRecord>('stream', page);
  }

  async stream(name: string): Promise<StreamRecord | null> {
    return ((await this.store.get('stream', name))?.body as StreamRecord | undefined) ?? null;
  }

  async createStream(stream: StreamRecord, limit: number): Promise<Creation> {
    return this.#create(
      'stream',
      { id: stream.name, body: stream, limit },
      { type: 'stream', stream: streamEntry(stream) },
    );
  }

  /** False when there is none, or it is not as it should be. */
  async deleteStream(name: string, fits: (stream: StreamRecord) => boolean = () => true): Promise<boolean> {
    return this.#delete(
      'stream',
      { id: name, fits: (body) => fits(body as StreamRecord) },
      { type: 'stream-removed', name },
    );
  }

  /** Hands the claim on, if it is still where `from` says. False when it is not, or there is no such stream. */
  async moveClaim(name: string, move: ClaimMove): Promise<boolean> {
    return this.#changeStream(name, (stream) => {
      if (stream.origin !== move.from) return null;
      const moved = { ...stream, origin: move.to, claimedAtMs: move.atMs };
      return { stream: moved, log: move.from === move.to ? [] : [{ type: 'stream', stream: streamEntry(moved) }] };
    });
  }

  /** Keeps the highest ordinal; tells nobody. */
  async noteEpoch(name: string, ordinal: number): Promise<void> {
    await this.#changeStream(name, (stream) =>
      ordinal > stream.lastEpochOrdinal ? { stream: { ...stream, lastEpochOrdinal: ordinal }, log: [] } : null,
    );
  }

  async zones(page?: Page): Promise<readonly ZoneEntry[]> {
    return this.#bodies<ZoneEntry>('zone', page);
  }

  async zone(name: string): Promise<ZoneEntry | null> {
    return ((await this.store.get('zone', name))?.body as ZoneEntry | undefined) ?? null;
  }

  async createZone(zone: ZoneEntry, limit: number): Promise<Creation> {
    return this.#create('zone', { id: zone.name, body: zone, limit }, { type: 'zone', zone });
  }

  /** False when there is none, or it is not as it should be. */
  async replaceZone(zone: ZoneEntry, fits: (zone: ZoneEntry) => boolean): Promise<boolean> {
    const outcome = await this.#persist(async () => {
      const there = await this.store.get('zone', zone.name);
      if (there === null || !fits(there.body as ZoneEntry)) return null;
      const changes = [{ collection: 'zone', id: zone.name, expect: there.revision, body: zone } as const];
      return this.store.commit({ changes, log: [{ type: 'zone', zone }] });
    });
    return outcome === 'done';
  }

  /** False when there is none, or it is not as it should be. */
  async deleteZone(name: string, fits: (zone: ZoneEntry) => boolean = () => true): Promise<boolean> {
    return this.#delete('zone', { id: name, fits: (body) => fits(body as ZoneEntry) }, { type: 'zone-removed', name });
  }

  async issuers(page?: Page): Promise<readonly Issuer[]> {
    return this.#bodies<Issuer>('issuer', page);
  }

  async issuer(iss: string): Promise<Issuer | null> {
    return ((await this.store.get('issuer', iss))?.body as Issuer | undefined) ?? null;
  }

  async createIssuer(issuer: Issuer, limit: number): Promise<Creation> {
    return this.#create('issuer', { id: issuer.iss, body: issuer, limit }, { type: 'issuer', issuer });
  }

  /** False when there is none, or it is not as it should be. */
  async deleteIssuer(iss: string, fits: (issuer: Issuer) => boolean = () => true): Promise<boolean> {
    return this.#delete('issuer', { id: iss, fits: (body) => fits(body as Issuer) }, { type: 'issuer-removed', iss });
  }

  async pathKeys(): Promise<readonly StoredPathKey[]> {
    return (await this.#readPathKeys()).keys;
  }

  /** Replaces all keys, if the ids of those there are still `expected`, in order. */
  async replacePathKeys(expected: readonly string[], keys: readonly StoredPathKey[]): Promise<boolean> {
    const { keys: before, revision } = await this.#readPathKeys();
    if (before.map(({ kid }) => kid).join() !== expected.join()) return false;
    const changes = [{ ...PATH_KEYS, expect: revision, body: keys }];
    return (await this.store.commit({ changes, log: [{ type: 'path-keys', keys: keys.map(publicKey) }] })) === 'done';
  }

  /** Beyond the limit those go that are older than any token can be; when none is, it is `full`. */
  async revoke(revocation: Revocation, limits: RevocationLimits): Promise<'created' | 'full'> {
    const { session, stream, zone } = revocation;
    const id = session !== undefined ? `s:${session}` : stream !== undefined ? `n:${stream}` : `z:${zone}`;
    const log: FeedMessage[] = [{ type: 'revocation', ...revocation }];
    let trimmed = false;
    const outcome = await this.#persist(async () => {
      const there = await this.store.get('revocation', id);
      const room = there === null ? { room: { collection: 'revocation', most: limits.count } as const } : {};
      const changes = [{ collection: 'revocation', id, expect: there?.revision ?? 0, body: revocation } as const];
      const tried = await this.store.commit({ changes, log, ...room });
      if (tried !== 'full' || trimmed || revocation.atMs <= this.#keptUntilMs) return tried;
      trimmed = true;
      this.#keptUntilMs = await this.#trimRevocations(revocation.atMs, limits.keepMs);
      return 'conflict';
    });
    return outcome === 'done' ? 'created' : 'full';
  }

  /** A secret under a name, made on first use; whoever is first decides. */
  async secret(name: string, make: () => string): Promise<string> {
    const kept = await this.store.get('secret', name);
    if (kept !== null) return kept.body as string;
    const value = make();
    const made = await this.store.commit({ changes: [{ collection: 'secret', id: name, expect: 0, body: value }] });
    return made === 'done' ? value : this.secret(name, make);
  }

  /** News of nodes: for the log alone. */
  async append(messages: readonly FeedMessage[]): Promise<void> {
    await this.store.commit({ changes: [], log: messages });
  }

  /** Everything but nodes, and the log's position before it was read: what changed meanwhile comes again. */
  async snapshot(): Promise<FeedPage> {
    const cursor = await this.store.head();
    const messages: FeedMessage[] = [{ type: 'path-keys', keys: (await this.pathKeys()).map(publicKey) }];
    for (const issuer of await this.issuers()) messages.push({ type: 'issuer', issuer });
    for (const stream of await this.streams()) messages.push({ type: 'stream', stream: streamEntry(stream) });
    for (const zone of await this.zones()) messages.push({ type: 'zone', zone });
    for (const config of await this.#bodies<ConfigEntry>('config')) messages.push({ type: 'config', config });
    const revocations = await this.#bodies<Revocation>('revocation');
    for (const revocation of revocations.toSorted((a, b) => a.atMs - b.atMs)) {
      messages.push({ type: 'revocation', ...revocation });
    }
    const last = (await this.#bodies<{ readonly purge: Purge }>('purge')).at(-1)?.purge;
    return { cursor, snapshot: true, messages, ...(last && { lastPurge: { id: last.id, atMs: last.atMs } }) };
  }

  /** The log after a cursor; null when a snapshot is needed. See {@link Store.changesSince}. */
  async changesSince(cursor: string, limit: number): Promise<FeedPage | null> {
    return this.store.changesSince(cursor, limit);
  }

  onGrowth(listener: () => void): () => void {
    return this.store.onGrowth(listener);
  }

  async #changeStream(
    name: string,
    change: (stream: StreamRecord) => { readonly stream: StreamRecord; readonly log: readonly FeedMessage[] } | null,
  ): Promise<boolean> {
    const outcome = await this.#persist(async () => {
      const there = await this.store.get('stream', name);
      const changed = there === null ? null : change(there.body as StreamRecord);
      if (there === null || changed === null) return null;
      const changes = [{ collection: 'stream', id: name, expect: there.revision, body: changed.stream } as const];
      return this.store.commit({ changes, log: changed.log });
    });
    return outcome === 'done';
  }

  async #create(
    collection: Collection,
    { id, body, limit }: { readonly id: string; readonly body: unknown; readonly limit: number },
    message: FeedMessage,
  ): Promise<Creation> {
    const room = { collection, most: Math.min(limit, NO_LIMIT) };
    const outcome = await this.store.commit({ changes: [{ collection, id, expect: 0, body }], log: [message], room });
    return outcome === 'done' ? 'created' : outcome === 'conflict' ? 'exists' : 'full';
  }

  async #delete(
    collection: Collection,
    { id, fits }: { readonly id: string; readonly fits: (body: unknown) => boolean },
    message: FeedMessage,
  ): Promise<boolean> {
    const outcome = await this.#persist(async () => {
      const there = await this.store.get(collection, id);
      if (there === null || !fits(there.body)) return null;
      return this.store.commit({ changes: [removal(collection, id, there.revision)], log: [message] });
    });
    return outcome === 'done';
  }

  /** Tries again for as long as somebody else's step came between the look and the commit. Null: there is nothing to do. */
  async #persist<T extends Outcome | null>(attempt: () => Promise<T>): Promise<T> {
    let outcome = await attempt();
    for (let tries = 1; outcome === 'conflict' && tries < TRIES; tries += 1) outcome = await attempt();
    if (outcome === 'conflict') throw new Error(`another change came between ${TRIES} times`);
    return outcome;
  }

  /**
   * Those older than any token that they could refuse, the oldest first, so many that a step stays short.
   * @returns until when none can go, as far as is known
   */
  async #trimRevocations(nowMs: number, keepMs: number): Promise<number> {
    const documents = await this.store.list('revocation');
    const atMs = ({ body }: Document): number => (body as Revocation).atMs;
    const oldest = documents.toSorted((a, b) => atMs(a) - atMs(b)).slice(0, TRIM_BATCH);
    const old = oldest.filter((document) => atMs(document) < nowMs - keepMs);
    const step: Step = { changes: old.map(({ id, revision }) => removal('revocation', id, revision)) };
    if (old.length > 0) await this.store.commit(step);
    const [first] = oldest;
    return old.length > 0 || first === undefined ? 0 : atMs(first) + keepMs;
  }

  async #readPathKeys(): Promise<{ readonly keys: readonly StoredPathKey[]; readonly revision: number }> {
    const kept = await this.store.get(PATH_KEYS.collection, PATH_KEYS.id);
    return { keys: (kept?.body as readonly StoredPathKey[] | undefined) ?? [], revision: kept?.revision ?? 0 };
  }

  async #bodies<T>(collection: Collection, page?: Page): Promise<readonly T[]> {
    return (await this.store.list(collection, page)).map(({ body }) => body as T);
  }
}

function removal(collection: Collection, id: string, revision: number): Change {
  return { collection, id, expect: revision, body: undefined };
}

/** What nodes are told of a key: not when it will be promoted. */
function publicKey({ kid, secret, state }: StoredPathKey): PathKey {
  return { kid, secret, state };
}
