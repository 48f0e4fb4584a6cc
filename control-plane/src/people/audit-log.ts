/**
 * The audit log: appended to, read, trimmed at its far end by the retention, and changed in no other way. Entries that come
 * while one is being written go together in the next step; while the store is away they wait, within a bound.
 */

import type { Clock } from '@headwater/service/clock';
import { type Change, type Document, type Store, StoreUnavailable } from '../state/store.ts';
import { type AuditEntry, type AuditEvent, GENESIS, type Link, follows, linked } from './audit-chain.ts';

interface AuditLogOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly retention: Retention;
  /** of each entry that is kept */
  readonly onKept: (entry: AuditEntry) => void;
  readonly onTrouble: (error: unknown) => void;
}

/** What goes beyond either goes. */
export interface Retention {
  readonly entries: number;
  readonly keepMs: number;
}

export interface AuditVerdict {
  readonly entries: number;
  readonly from: Link;
  readonly head: Link;
  /** the first entry that is not what was written; null: all are */
  readonly brokenAt: number | null;
}

interface Waiting {
  readonly event: AuditEvent;
  /** called once: whether it is kept, or waits for the store */
  resolve: (kept: boolean) => void;
}

const ENTRY = 'audit';
const MARK = 'audit-mark';
/** The newest entry, and the newest that was trimmed. */
const HEAD = 'head';
const ANCHOR = 'anchor';

const BATCH = 64;
const WAITING_LIMIT = 10_000;
const TRIM_BATCH = 500;
const PAGE = 500;
const TRIES = 64;
const SEQ_DIGITS = 15;

export class AuditLog implements AsyncDisposable {
  readonly #options: AuditLogOptions;
  #waiting: Waiting[] = [];
  #draining: Promise<void> | null = null;

  constructor(options: AuditLogOptions) {
    this.#options = options;
  }

  /** So much waits that nothing more may happen that would have to be told. */
  get isFull(): boolean {
    return this.#waiting.length >= WAITING_LIMIT;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Keeps an entry. False: the store is away, and it is kept once it is there again. */
  async append(event: AuditEvent): Promise<boolean> {
    const kept = new Promise<boolean>((resolve) => this.#waiting.push({ event, resolve }));
    void this.flush();
    return kept;
  }

  /** Writes what waits, as far as the store lets it. */
  async flush(): Promise<void> {
    if (this.#waiting.length > 0) this.#draining ??= this.#drain();
    await this.#draining;
  }

  /** The newest entries before a number, the newest first. */
  async page(before: number, limit: number): Promise<readonly AuditEntry[]> {
    const anchor = await this.#link(ANCHOR);
    const end = Math.min(before, (await this.#link(HEAD)).seq + 1);
    const start = Math.max(end - limit, anchor.seq + 1);
    if (!(start < end)) return [];
    const documents = await this.#options.store.list(ENTRY, { after: idOf(start - 1), limit: end - start });
    return documents
      .map(entryOf)
      .filter(({ seq }) => seq < end)
      .toReversed();
  }

  /** Looks at every entry that is kept, and at the links between them. What is trimmed meanwhile is not missing. */
  async verify(): Promise<AuditVerdict> {
    for (;;) {
      const verdict = await this.#look();
      if (verdict.brokenAt === null || (await this.#link(ANCHOR)).seq === verdict.from.seq) return verdict;
    }
  }

  /**
   * Takes out the oldest entries beyond the retention, and tells so in the log itself. Returns how many went.
   * @param store what to write through, such as a leader's fence
   */
  async trim(store: Store = this.#options.store): Promise<number> {
    const { clock, retention } = this.#options;
    const anchor = await this.#read(ANCHOR);
    const head = await this.#read(HEAD);
    const held = head.link.seq - anchor.link.seq;
    // With room for the entry that tells of it.
    const beyond = held > retention.entries ? held - retention.entries + 1 : 0;
    const oldest = await store.list(ENTRY, { after: idOf(anchor.link.seq), limit: TRIM_BATCH });
    const tooOldMs = clock.nowMs() - retention.keepMs;
    const isKept = (document: Document, index: number): boolean =>
      index >= beyond && entryOf(document).atMs >= tooOldMs;
    const kept = oldest.findIndex(isKept);
    const gone = kept < 0 ? oldest : oldest.slice(0, kept);
    const last = gone.at(-1);
    if (last === undefined) return 0;
    const { seq, hash } = entryOf(last);
    const told = linked(this.#trimmed(anchor.link.seq + 1, { seq, hash }), head.link);
    const changes = [
      ...gone.map(({ id, revision }): Change => ({ collection: ENTRY, id, expect: revision, body: undefined })),
      { collection: MARK, id: ANCHOR, expect: anchor.revision, body: { seq, hash } } as const,
      ...written([told], head.revision),
    ];
    if ((await store.commit({ changes })) !== 'done') return 0;
    this.#options.onKept(told);
    return gone.length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.flush();
  }

  async #look(): Promise<AuditVerdict> {
    const from = await this.#link(ANCHOR);
    const head = await this.#link(HEAD);
    let last = from;
    while (last.seq < head.seq) {
      const limit = Math.min(PAGE, head.seq - last.seq);
      const documents = await this.#options.store.list(ENTRY, { after: idOf(last.seq), limit });
      for (const entry of documents.map(entryOf)) {
        if (!follows(entry, last)) return { entries: last.seq - from.seq, from, head, brokenAt: last.seq + 1 };
        last = entry;
      }
      if (documents.length === 0) break;
      await new Promise((resolve) => setImmediate(resolve));
    }
    const isWhole = last.seq === head.seq && last.hash === head.hash;
    const brokenAt = isWhole ? null : Math.min(last.seq + 1, head.seq);
    return { entries: last.seq - from.seq, from, head, brokenAt };
  }

  async #drain(): Promise<void> {
    try {
      while (this.#waiting.length > 0) {
        const batch = this.#waiting.slice(0, BATCH);
        const entries = await this.#write(batch.map(({ event }) => event));
        this.#waiting = this.#waiting.slice(batch.length);
        for (const { resolve } of batch) resolve(true);
        for (const entry of entries) this.#options.onKept(entry);
      }
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) this.#options.onTrouble(error);
      for (const { resolve } of this.#waiting) resolve(false);
    } finally {
      // In the same turn as the last look at what waits: what comes from now on begins anew.
      this.#draining = null;
    }
  }

  /** Another replica may append between the look and the commit: then the links are made anew. */
  async #write(events: readonly AuditEvent[]): Promise<readonly AuditEntry[]> {
    for (let tries = 0; tries < TRIES; tries += 1) {
      const head = await this.#read(HEAD);
      const entries: AuditEntry[] = [];
      for (const event of events) entries.push(linked(event, entries.at(-1) ?? head.link));
      const outcome = await this.#options.store.commit({ changes: written(entries, head.revision) });
      if (outcome === 'done') return entries;
    }
    throw new Error(`the audit log: another replica came between ${TRIES} times`);
  }

  #trimmed(from: number, { seq, hash }: Link): AuditEvent {
    return {
      atMs: Math.floor(this.#options.clock.nowMs()),
      who: { kind: 'system', name: 'retention', role: null, via: null },
      action: 'audit.trim',
      target: `${from}-${seq}`,
      outcome: 'done',
      address: null,
      requestId: null,
      alert: null,
      facts: { anchor: hash },
    };
  }

  async #link(id: string): Promise<Link> {
    return (await this.#read(id)).link;
  }

  async #read(id: string): Promise<{ readonly link: Link; readonly revision: number }> {
    const kept = await this.#options.store.get(MARK, id);
    return { link: (kept?.body as Link | undefined) ?? GENESIS, revision: kept?.revision ?? 0 };
  }
}

function written(entries: readonly AuditEntry[], headRevision: number): Change[] {
  const made = entries.map((entry): Change => ({ collection: ENTRY, id: idOf(entry.seq), expect: 0, body: entry }));
  const { seq, hash } = entries.at(-1) as AuditEntry;
  return [...made, { collection: MARK, id: HEAD, expect: headRevision, body: { seq, hash } }];
}

/** Ids sort as the numbers do. */
function idOf(seq: number): string {
  return String(seq).padStart(SEQ_DIGITS, '0');
}

function entryOf({ body }: Document): AuditEntry {
  return body as AuditEntry;
}
