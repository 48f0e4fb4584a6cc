/** The registry of a control plane that stands alone: in memory, with what a restart must not forget in SQLite. */

import type { DatabaseSync } from 'node:sqlite';
import { type Heartbeat, IDLE_LOAD, type JoinRequest, type Load, type NodeRecord } from '@headwater/protocol/node';
import type { Clock } from '@headwater/service/clock';
import type { Member, NodeNews, Registry } from './registry.ts';

/** A node that is silent for longer is not healthy. */
export const LAPSE_MS = 3_000;
/** When sweeps stand further apart, it was this process that did not run, and silence proves nothing. */
const SWEEP_GAP_MS = 1_000;

interface EmbeddedRegistryOptions {
  readonly database: DatabaseSync;
  readonly clock: Clock;
  /** where news goes; awaited, so that a node's join is in the log before its answer */
  readonly tell: (news: readonly NodeNews[]) => Promise<void>;
}

/** What survives a restart: not the load, nor who was healthy a moment ago. */
interface KeptNode {
  readonly request: JoinRequest;
  readonly drained: boolean;
}

interface Entry extends KeptNode {
  readonly credentialHash: string;
  readonly healthy: boolean;
  /** what the node itself says */
  readonly leaving: boolean;
  readonly load: Load;
  readonly cursor: string | null;
  readonly heardAtMs: number | null;
  /** monotonic; when silence began to count */
  readonly silentSinceMs: number;
}

/** Uses a database that the caller opened and closes. Known nodes count as healthy until they prove otherwise. */
export function openEmbeddedRegistry(options: EmbeddedRegistryOptions): Registry {
  return new EmbeddedRegistry(options);
}

class EmbeddedRegistry implements Registry {
  readonly #options: EmbeddedRegistryOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #idByCredential = new Map<string, string>();
  #sweptAtMs: number;

  constructor(options: EmbeddedRegistryOptions) {
    this.#options = options;
    this.#sweptAtMs = options.clock.monotonicMs();
    for (const row of options.database.prepare('SELECT credential_hash, body FROM node').all()) {
      const kept = JSON.parse(row['body'] as string) as KeptNode;
      const credentialHash = row['credential_hash'] as string;
      this.#set({ ...kept, credentialHash, ...this.#fresh(), heardAtMs: null });
    }
  }

  members(): readonly Member[] {
    return [...this.#entries.values()].map(memberOf);
  }

  member(id: string): Member | null {
    const entry = this.#entries.get(id);
    return entry === undefined ? null : memberOf(entry);
  }

  identify(credentialHash: string): Member | null {
    const id = this.#idByCredential.get(credentialHash);
    return id === undefined ? null : this.member(id);
  }

  async join(request: JoinRequest, credentialHash: string, limit: number): Promise<'joined' | 'full'> {
    const known = this.#entries.get(request.id);
    const news: NodeNews[] = [];
    if (known === undefined && this.#entries.size >= limit) {
      const gone = this.#longestSilent();
      if (gone === null) return 'full';
      news.push(this.#drop(gone));
    }
    const entry: Entry = { request, credentialHash, drained: known?.drained ?? false, ...this.#fresh() };
    this.#set(entry);
    this.#keep(entry);
    news.push({ type: 'node', node: recordOf(entry) });
    await this.#options.tell(news);
    return 'joined';
  }

  async heartbeat(id: string, beat: Heartbeat): Promise<boolean> {
    const entry = this.#entries.get(id);
    if (entry === undefined) return false;
    const heard = { ...this.#fresh(), leaving: beat.draining, load: beat.load, cursor: beat.cursor };
    await this.#update(entry, { ...entry, ...heard });
    return true;
  }

  async setDrained(id: string, drained: boolean): Promise<boolean> {
    const entry = this.#entries.get(id);
    if (entry === undefined) return false;
    const changed = { ...entry, drained };
    this.#keep(changed);
    await this.#update(entry, changed);
    return true;
  }

  async remove(id: string): Promise<boolean> {
    const entry = this.#entries.get(id);
    if (entry === undefined) return false;
    await this.#options.tell([this.#drop(entry)]);
    return true;
  }

  async sweep(): Promise<void> {
    const nowMs = this.#options.clock.monotonicMs();
    const asleepMs = nowMs - this.#sweptAtMs > SWEEP_GAP_MS ? nowMs - this.#sweptAtMs : 0;
    this.#sweptAtMs = nowMs;
    for (const entry of this.#entries.values()) {
      const silentSinceMs = entry.silentSinceMs + asleepMs;
      const healthy = entry.healthy && nowMs - silentSinceMs < LAPSE_MS;
      if (healthy !== entry.healthy || asleepMs > 0) await this.#update(entry, { ...entry, silentSinceMs, healthy });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The database is the caller's.
  }

  /** Stores, and tells what others must know: health, draining. The load is read, not told. */
  async #update(before: Entry, after: Entry): Promise<void> {
    this.#set(after);
    const [was, is] = [recordOf(before), recordOf(after)];
    if (was.healthy === is.healthy && was.draining === is.draining) return;
    await this.#options.tell([{ type: 'node', node: is }]);
  }

  #set(entry: Entry): void {
    const former = this.#entries.get(entry.request.id);
    if (former !== undefined) this.#idByCredential.delete(former.credentialHash);
    this.#entries.set(entry.request.id, entry);
    this.#idByCredential.set(entry.credentialHash, entry.request.id);
  }

  #keep({ request, drained, credentialHash }: Entry): void {
    const kept: KeptNode = { request, drained };
    this.#options.database
      .prepare('INSERT OR REPLACE INTO node (id, credential_hash, body) VALUES (?, ?, ?)')
      .run(request.id, credentialHash, JSON.stringify(kept));
  }

  #drop({ request: { id }, credentialHash }: Entry): NodeNews {
    this.#entries.delete(id);
    this.#idByCredential.delete(credentialHash);
    this.#options.database.prepare('DELETE FROM node WHERE id = ?').run(id);
    return { type: 'node-removed', id };
  }

  #longestSilent(): Entry | null {
    const silent = [...this.#entries.values()].filter((entry) => !entry.healthy);
    return silent.sort((a, b) => a.silentSinceMs - b.silentSinceMs)[0] ?? null;
  }

  /** Of a node that was heard this moment. */
  #fresh(): Omit<Entry, keyof KeptNode | 'credentialHash'> {
    const { clock } = this.#options;
    return {
      healthy: true,
      leaving: false,
      load: IDLE_LOAD,
      cursor: null,
      heardAtMs: clock.nowMs(),
      silentSinceMs: clock.monotonicMs(),
    };
  }
}

function recordOf({ request, healthy, leaving, drained, load }: Entry): NodeRecord {
  return { ...request, generation: 1, healthy, draining: leaving || drained, servingSinceMs: 0, load };
}

function memberOf(entry: Entry): Member {
  const { credentialHash, cursor, heardAtMs } = entry;
  return { record: recordOf(entry), credentialHash, cursor, heardAtMs };
}
