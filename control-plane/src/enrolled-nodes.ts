/**
 * The nodes that were let into the fleet: who they are, and the public key that each shows itself by. Kept in the store, and
 * at hand in memory; a replica hears of what the others change by the log.
 */

import type { FeedMessage } from '@headwater/protocol/feed';
import type { NodeDescription, NodeRole } from '@headwater/protocol/node';
import { patiently } from './state/patiently.ts';
import type { Change, Document, Outcome, Store } from './state/store.ts';

/** A node of the fleet, whether or not it is there now. */
export interface EnrolledNode {
  readonly id: string;
  readonly role: NodeRole;
  /** base64url */
  readonly publicKey: string;
  /** what its newest process said of itself, in the zone below where there is one */
  readonly node: NodeDescription;
  /** what its join token said, whatever the node says; null: its own word counts */
  readonly zone: string | null;
  /** the operator's word */
  readonly drained: boolean;
  readonly enrolledAtMs: number;
  /** wall clock at which it passed its probe and began to take viewers; null until then */
  readonly servingSinceMs: number | null;
}

/**
 * `taken`: the id belongs to a node with another key or role; `removed`: an operator took out the node with this key;
 * `outrun`: another node was let in by the same word a moment before.
 */
export type Enrolment = 'enrolled' | 'full' | 'taken' | 'removed' | 'outrun';

interface Terms {
  readonly limit: number;
  /** may replace the node of an id, as a standing token may */
  readonly takeOver: boolean;
  /** uses up the word by which the node is let in, in the same step; an operator's fresh word also brings back a removed node */
  readonly use: Change | null;
  /** at the limit: names a node that goes, or null */
  readonly makeRoom: () => string | null;
}

const TRIES = 16;
/** So many removed nodes are kept from coming back by a standing token. */
const REMOVED_LIMIT = 10_000;
const PAGE_LIMIT = 1_000;

/** Opens the enrolment of a store, and reads it. */
export async function openEnrolledNodes(store: Store): Promise<EnrolledNodes> {
  const nodes = new EnrolledNodes(store);
  await patiently(() => nodes.refresh());
  return nodes;
}

export class EnrolledNodes implements Disposable {
  readonly #store: Store;
  readonly #listeners = new Set<() => void>();
  readonly #unsubscribe: () => void;
  #nodes = new Map<string, EnrolledNode>();
  #cursor: string | null = null;
  #refreshing: Promise<void> | null = null;
  #isStale = false;

  constructor(store: Store) {
    this.#store = store;
    this.#unsubscribe = store.onGrowth(() => void this.refresh().catch(() => (this.#cursor = null)));
  }

  get all(): ReadonlyMap<string, EnrolledNode> {
    return this.#nodes;
  }

  /** Lets a node in. The same key may come again, as after an answer that was lost. */
  async enrol(node: EnrolledNode, { limit, takeOver, use, makeRoom }: Terms): Promise<Enrolment> {
    const removed = await this.#store.get('removed-node', node.publicKey);
    if (removed !== null && use === null) return 'removed';
    const alongside = [...(use === null ? [] : [use]), ...forgotten(removed)];
    for (let tries = 0; tries < TRIES; tries += 1) {
      const there = await this.#store.get('node', node.id);
      const known = there?.body as EnrolledNode | undefined;
      const isSame = known?.publicKey === node.publicKey && known.role === node.role;
      if (known !== undefined && !isSame && !takeOver) return 'taken';
      const body: EnrolledNode = known === undefined ? node : { ...node, drained: known.drained };
      const room = known === undefined ? { room: { collection: 'node', most: limit } as const } : {};
      const change: Change = { collection: 'node', id: node.id, expect: there?.revision ?? 0, body };
      const changes = [change, ...alongside];
      const outcome = await this.#store.commit({ changes, log: [changed(node.id)], ...room });
      if (outcome === 'done') return this.#done(node.id, body, 'enrolled');
      if (outcome === 'conflict' && (await this.#isGone(use))) return 'outrun';
      if (outcome === 'full') {
        const gone = makeRoom();
        if (gone === null) return 'full';
        await this.#drop(gone, async () => []);
      }
    }
    throw new Error(`${node.id}: another change came between ${TRIES} times`);
  }

  /**
   * Changes what is kept of a node. Null: there is no such node, or nothing to change.
   * @param store what to write through, such as a leader's fence
   */
  async update(
    id: string,
    change: (node: EnrolledNode) => EnrolledNode | null,
    store: Store = this.#store,
  ): Promise<EnrolledNode | null> {
    for (let tries = 0; tries < TRIES; tries += 1) {
      const there = await this.#store.get('node', id);
      const body = there === null ? null : change(there.body as EnrolledNode);
      if (there === null || body === null) return null;
      const step = { collection: 'node', id, expect: there.revision, body } as const;
      const outcome: Outcome = await store.commit({ changes: [step], log: [changed(id)] });
      if (outcome === 'done') return this.#done(id, body, body);
    }
    throw new Error(`${id}: another change came between ${TRIES} times`);
  }

  /** An operator takes a node out: no replica knows it from now on, nodes are told, and its key opens nothing. */
  async remove(id: string, nowMs: number): Promise<boolean> {
    await this.#forgetOldRemovals();
    return this.#drop(id, async ({ publicKey }) => {
      const mark = await this.#store.get('removed-node', publicKey);
      return [{ collection: 'removed-node', id: publicKey, expect: mark?.revision ?? 0, body: { id, atMs: nowMs } }];
    });
  }

  /** Whether an operator took out the node with this key. */
  async isRemoved(publicKey: string): Promise<boolean> {
    return (await this.#store.get('removed-node', publicKey)) !== null;
  }

  /** Calls back after something changed, here or at another replica. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Reads what changed since the last time; one reading at a time, and another when news came meanwhile. */
  async refresh(): Promise<void> {
    this.#isStale = true;
    this.#refreshing ??= this.#readNews().finally(() => (this.#refreshing = null));
    return this.#refreshing;
  }

  [Symbol.dispose](): void {
    this.#unsubscribe();
  }

  async #isGone(use: Change | null): Promise<boolean> {
    return use !== null && (await this.#store.get(use.collection, use.id))?.revision !== use.expect;
  }

  async #drop(id: string, alongside: (node: EnrolledNode) => Promise<Change[]>): Promise<boolean> {
    for (let tries = 0; tries < TRIES; tries += 1) {
      const there = await this.#store.get('node', id);
      if (there === null) return false;
      const removal: Change = { collection: 'node', id, expect: there.revision, body: undefined };
      const changes = [removal, ...(await alongside(there.body as EnrolledNode))];
      const outcome = await this.#store.commit({ changes, log: [{ type: 'node-removed', id }] });
      if (outcome === 'done') return this.#done(id, null, true);
    }
    throw new Error(`${id}: another change came between ${TRIES} times`);
  }

  /** Keys of nodes that were taken out are remembered, within a bound: the oldest go. */
  async #forgetOldRemovals(): Promise<void> {
    if ((await this.#store.count('removed-node')) < REMOVED_LIMIT) return;
    const marks = await this.#store.list('removed-node');
    const atMs = ({ body }: Document): number => (body as { readonly atMs: number }).atMs;
    const oldest = marks.toSorted((a, b) => atMs(a) - atMs(b)).slice(0, REMOVED_LIMIT / 10);
    await this.#store.commit({ changes: oldest.flatMap(forgotten) });
  }

  async #readNews(): Promise<void> {
    while (this.#isStale) {
      this.#isStale = false;
      const page = this.#cursor === null ? null : await this.#store.changesSince(this.#cursor, PAGE_LIMIT);
      if (page === null) {
        const cursor = await this.#store.head();
        const documents = await this.#store.list('node');
        this.#nodes = new Map(documents.map(({ id, body }) => [id, body as EnrolledNode]));
        this.#cursor = cursor;
        this.#tell();
        continue;
      }
      for (const id of new Set(page.messages.flatMap(subjectOf))) await this.#read(id);
      this.#cursor = page.cursor;
      if (page.messages.length === PAGE_LIMIT) this.#isStale = true;
    }
  }

  async #read(id: string): Promise<void> {
    const there = await this.#store.get('node', id);
    this.#set(id, (there?.body as EnrolledNode | undefined) ?? null);
  }

  #done<T>(id: string, node: EnrolledNode | null, result: T): T {
    this.#set(id, node);
    return result;
  }

  #set(id: string, node: EnrolledNode | null): void {
    if (node === null) this.#nodes.delete(id);
    else this.#nodes.set(id, node);
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** A token that was made for this node is the operator's word that it may come back. */
function forgotten(removed: Document | null): Change[] {
  if (removed === null) return [];
  return [{ collection: 'removed-node', id: removed.id, expect: removed.revision, body: undefined }];
}

function changed(id: string): FeedMessage {
  return { type: 'node-changed', id };
}

function subjectOf(message: FeedMessage): string[] {
  return message.type === 'node-changed' || message.type === 'node-removed' ? [message.id] : [];
}
