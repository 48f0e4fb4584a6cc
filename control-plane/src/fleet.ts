/**
 * The fleet as the control plane tells of it: the nodes that were let in, where and whether they live, and what they say of
 * themselves. A replica judges the nodes that it hears itself by its own ears, and the others by the registry and by what the
 * other replicas say that they hear. What was known is never forgotten because an answer was empty: only a removal takes a
 * node out.
 */

import { type Heartbeat, IDLE_LOAD, type NodeDescription, type NodeRecord } from '@headwater/protocol/node';
import type { Clock } from '@headwater/service/clock';
import type { EnrolledNode, EnrolledNodes } from './enrolled-nodes.ts';
import { FleetNews } from './fleet-news.ts';
import { HeardNodes } from './heard-nodes.ts';
import type { Instance, Registry } from './registry/registry.ts';
import type { Store } from './state/store.ts';

/** A node as the control plane sees it. */
export interface Member {
  readonly record: NodeRecord;
  readonly enrolled: EnrolledNode;
  /** what the node has acknowledged of the feed */
  readonly cursor: string | null;
  /** wall clock; null when no replica has heard it */
  readonly heardAtMs: number | null;
  /** whose heartbeats count; null when the registry knows of none */
  readonly replica: string | null;
}

interface FleetOptions {
  readonly enrolled: EnrolledNodes;
  readonly registry: Registry;
  readonly store: Store;
  readonly clock: Clock;
}

/** Whom news concerns: everybody, or only those who rank by load. */
type NewsListener = (onlyLoads: boolean) => void;

/** Changes within this time are looked at together. */
const LOOK_AFTER_MS = 20;
/** News that come close together are told together. */
const NEWS_EVERY_MS = 100;

export class Fleet implements Disposable {
  readonly news = new FleetNews();
  readonly #enrolled: EnrolledNodes;
  readonly #registry: Registry;
  readonly #heard: HeardNodes;
  /** what the registry was told of the operator's drain, of each node that is heard here */
  readonly #mirrored = new Map<string, boolean>();
  readonly #listeners = new Set<NewsListener>();
  readonly #acknowledgements = new Set<() => void>();
  readonly #unsubscribe: readonly (() => void)[];
  #looking: NodeJS.Timeout | null = null;
  #telling: NodeJS.Timeout | null = null;
  #isOwed = false;

  constructor({ enrolled, registry, store, clock }: FleetOptions) {
    this.#enrolled = enrolled;
    this.#registry = registry;
    this.#heard = new HeardNodes({ store, clock, replica: registry.replica });
    this.#unsubscribe = [enrolled.onChange(() => this.#lookSoon()), registry.onChange(() => this.#lookSoon())];
    this.#look();
  }

  members(): readonly Member[] {
    const instances = this.#registry.instances();
    return [...this.#enrolled.all.values()].map((enrolled) => this.#memberOf(enrolled, instances));
  }

  member(id: string): Member | null {
    const enrolled = this.#enrolled.all.get(id);
    return enrolled === undefined ? null : this.#memberOf(enrolled, this.#registry.instances());
  }

  /** Calls back after there is news, until the returned function is called. */
  onNews(listener: NewsListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Calls back after nodes have acknowledged what they took in, here or at another replica, until the returned function is called. */
  onAcknowledged(listener: () => void): () => void {
    this.#acknowledgements.add(listener);
    return () => this.#acknowledgements.delete(listener);
  }

  /** A process of a node has started, or says something new of itself. */
  async announce(node: NodeDescription): Promise<void> {
    this.#heard.startAnew(node.id);
    await this.#takeOver(node);
    this.#lookAt(node.id);
  }

  /** Whether this replica hears the node: its heartbeats count here. */
  hears(id: string): boolean {
    return this.#isOurs(this.#registry.instances().get(id)) && this.#heard.isHeardHere(id);
  }

  /** False for an id that is not (any more) in the fleet. */
  heartbeat(id: string, beat: Heartbeat): boolean {
    const enrolled = this.#enrolled.all.get(id);
    if (enrolled === undefined) return false;
    this.#heard.note(id, beat);
    const instance = this.#registry.instances().get(id);
    if (this.#isOurs(instance)) this.#registry.beat(id);
    else if (this.#isForsaken(id, instance)) void this.#takeOver(enrolled.node);
    this.#lookAt(id);
    return true;
  }

  /** What a node has taken in of the feed, as its poll says before its heartbeat does. */
  acknowledged(id: string, cursor: string): void {
    this.#heard.acknowledge(id, cursor);
    for (const listener of this.#acknowledgements) listener();
  }

  /** Marks those unhealthy that were silent for too long. Called a few times a second. */
  sweep(): void {
    this.#heard.sweep();
    this.#look();
  }

  /** Tells those who rank by load of loads that have changed enough. Called every two seconds. */
  tellLoads(): void {
    if (!this.news.tellLoads(this.#records())) return;
    for (const listener of this.#listeners) listener(true);
  }

  /** Shares with the other replicas what was heard here, and takes in what they heard. Called once a second, or more often. */
  async exchange(): Promise<void> {
    await this.#heard.exchange((id) => this.#enrolled.all.has(id));
    for (const listener of this.#acknowledgements) listener();
  }

  /** Whether nodes have acknowledged something since the other replicas were told last. */
  get owesAcknowledgements(): boolean {
    return this.#heard.owesAcknowledgements;
  }

  /** The leader's: the registry forgets whom the fleet does not know. */
  async removeStale(): Promise<void> {
    // Who cannot ask the store may not know of those who joined meanwhile.
    await this.#enrolled.refresh();
    await this.#registry.removeStale((id) => this.#enrolled.all.has(id));
  }

  [Symbol.dispose](): void {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    if (this.#looking !== null) clearTimeout(this.#looking);
    if (this.#telling !== null) clearTimeout(this.#telling);
  }

  async #takeOver(node: NodeDescription): Promise<void> {
    this.#mirrored.delete(node.id);
    await this.#registry.announce(node);
    this.#lookSoon();
  }

  #isOurs(instance: Instance | undefined): boolean {
    return instance?.replica === this.#registry.replica;
  }

  /** No other replica hears it any more; while one does, a node whose requests reach both stays with the first. */
  #isForsaken(id: string, instance: Instance | undefined): boolean {
    return instance?.passing !== true || !this.#heard.isHeardElsewhere(id);
  }

  #memberOf(enrolled: EnrolledNode, instances: ReadonlyMap<string, Instance>): Member {
    const { id, node, drained, servingSinceMs } = enrolled;
    const instance = instances.get(id);
    const heard = this.#heard.of(id);
    const record: NodeRecord = {
      ...node,
      generation: instance?.generation ?? 0,
      healthy: this.#isHealthy(id, instance),
      draining: drained || instance?.maintenance === true || heard?.leaving === true,
      servingSinceMs,
      load: heard?.load ?? IDLE_LOAD,
    };
    const { cursor = null, atMs: heardAtMs = null } = heard ?? {};
    return { record, enrolled, cursor, heardAtMs, replica: instance?.replica ?? null };
  }

  /**
   * The registry may not know: an agent of it died, forgot, cannot be asked, or keeps a check as it was because its replica's token
   * was revoked. Then it counts who hears the node.
   */
  #isHealthy(id: string, instance: Instance | undefined): boolean {
    if (this.#heard.isHeard(id)) return true;
    if (instance === undefined || this.#isOurs(instance) || this.#heard.isTold(instance.replica)) return false;
    return instance.passing;
  }

  #records(): readonly NodeRecord[] {
    return this.members().map(({ record }) => record);
  }

  /** Looks once at all that changes together: when a whole fleet joins, each look is at all of it. */
  #lookSoon(): void {
    this.#looking ??= setTimeout(() => this.#look(), LOOK_AFTER_MS).unref();
  }

  /** Compares the fleet with what was told of it. */
  #look(): void {
    if (this.#looking !== null) clearTimeout(this.#looking);
    this.#looking = null;
    this.#followEnrolment();
    if (this.news.tellAll(this.#records())) this.#tellSoon();
  }

  #lookAt(id: string): void {
    const member = this.member(id);
    if (member !== null && this.news.tell(member.record)) this.#tellSoon();
  }

  /** What another replica drained or removed may be heard here, and then stands in the registry as ours. */
  #followEnrolment(): void {
    const { all } = this.#enrolled;
    for (const id of this.news.ids()) {
      if (all.has(id)) continue;
      this.#heard.forget(id);
      this.#mirrored.delete(id);
      void this.#registry.withdraw(id);
    }
    const instances = this.#registry.instances();
    for (const { id, drained } of all.values()) if (this.#isOurs(instances.get(id))) this.#mirrorDrain(id, drained);
  }

  /** For whoever looks into the registry. What an operator sets there himself stays until the next word here. */
  #mirrorDrain(id: string, drained: boolean): void {
    if (this.#mirrored.get(id) === drained) return;
    this.#mirrored.set(id, drained);
    void this.#registry.setMaintenance(id, drained);
  }

  /** At once when nothing was told lately. */
  #tellSoon(): void {
    this.#isOwed = this.#telling !== null;
    if (this.#isOwed) return;
    for (const listener of this.#listeners) listener(false);
    this.#telling = setTimeout(() => {
      this.#telling = null;
      if (this.#isOwed) this.#tellSoon();
    }, NEWS_EVERY_MS).unref();
  }
}
