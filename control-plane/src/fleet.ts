/**
 * The fleet as the control plane tells of it: the nodes that were let in, where and whether they live, and what they say of
 * themselves. A replica judges the nodes that it hears by its own ears, and the others by the registry; what it hears it
 * shares. What was known is never forgotten because an answer was empty: only a removal takes a node out.
 */

import { randomBytes } from 'node:crypto';
import { type Heartbeat, IDLE_LOAD, type Load, type NodeDescription, type NodeRecord } from '@headwater/protocol/node';
import type { Clock } from '@headwater/service/clock';
import type { EnrolledNode, EnrolledNodes } from './enrolled-nodes.ts';
import type { Registry } from './registry/registry.ts';
import type { Store } from './state/store.ts';

/** A node that is silent for longer is not healthy. */
const LAPSE_MS = 3_000;
/** When sweeps stand further apart, it was this process that did not run, and silence proves nothing. */
const SWEEP_GAP_MS = 1_000;
/** What replicas share of the nodes they hear. */
const TOPIC = 'heard';

/** A node as the control plane sees it. */
export interface Member {
  readonly record: NodeRecord;
  readonly enrolled: EnrolledNode;
  /** what the node has acknowledged of the feed */
  readonly cursor: string | null;
  /** wall clock; null when no replica has heard it */
  readonly heardAtMs: number | null;
}

/** What a replica heard of a node. */
interface Heard {
  readonly load: Load;
  /** what the node itself says */
  readonly leaving: boolean;
  readonly cursor: string | null;
  readonly heardAtMs: number;
}

interface Told {
  readonly record: NodeRecord;
  /** when the record, but for its load, last changed */
  readonly tick: number;
  readonly loadTick: number;
}

interface FleetOptions {
  readonly enrolled: EnrolledNodes;
  readonly registry: Registry;
  readonly store: Store;
  readonly clock: Clock;
}

export class Fleet implements Disposable {
  /** Names this process: its ticks mean nothing to another one. */
  readonly boot = randomBytes(4).toString('hex');
  readonly #options: FleetOptions;
  readonly #heard = new Map<string, Heard>();
  /** monotonic; when a node's silence began to count */
  readonly #silentSinceMs = new Map<string, number>();
  readonly #told = new Map<string, Told>();
  readonly #unshared = new Set<string>();
  readonly #listeners = new Set<(onlyLoads: boolean) => void>();
  readonly #unsubscribe: readonly (() => void)[];
  #remote: ReadonlyMap<string, Heard> = new Map();
  #startedMs: number;
  #sweptAtMs: number;
  #tick = 0;

  constructor(options: FleetOptions) {
    this.#options = options;
    this.#startedMs = options.clock.monotonicMs();
    this.#sweptAtMs = this.#startedMs;
    this.#unsubscribe = [options.enrolled.onChange(() => this.#look()), options.registry.onChange(() => this.#look())];
    this.#look();
  }

  get tick(): number {
    return this.#tick;
  }

  members(): readonly Member[] {
    return [...this.#options.enrolled.all.values()].map((node) => this.#memberOf(node));
  }

  member(id: string): Member | null {
    const node = this.#options.enrolled.all.get(id);
    return node === undefined ? null : this.#memberOf(node);
  }

  /** Records that changed after a tick; with their loads, also those whose load was told anew after it. */
  recordsSince(tick: number, withLoads: boolean): readonly NodeRecord[] {
    const news = [...this.#told.values()].filter((told) => told.tick > tick || (withLoads && told.loadTick > tick));
    return news.map(({ record }) => record);
  }

  /** Calls back after records changed, until the returned function is called. */
  onChange(listener: (onlyLoads: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** A process of a node has started, or says something new of itself. */
  async announce(node: NodeDescription): Promise<void> {
    this.#silentSinceMs.set(node.id, this.#options.clock.monotonicMs());
    this.#heard.delete(node.id);
    await this.#options.registry.announce(node);
    this.#look();
  }

  /** Whether this replica hears the node: its heartbeats count here. */
  hears(id: string): boolean {
    return this.#isOurs(id) && this.#silentSinceMs.has(id);
  }

  /** False for an id that is not (any more) in the fleet. */
  heartbeat(id: string, beat: Heartbeat): boolean {
    const { enrolled, registry, clock } = this.#options;
    const node = enrolled.all.get(id);
    if (node === undefined) return false;
    const heardAtMs = clock.nowMs();
    this.#heard.set(id, { load: beat.load, leaving: beat.draining, cursor: beat.cursor, heardAtMs });
    this.#silentSinceMs.set(id, clock.monotonicMs());
    this.#unshared.add(id);
    if (this.#isOurs(id)) registry.beat(id);
    else if (this.#isForsaken(id)) void registry.announce(node.node);
    this.#lookAt(node);
    return true;
  }

  /** What a node has taken in of the feed, as its poll says before its heartbeat does. */
  acknowledged(id: string, cursor: string): void {
    const heard = this.#heard.get(id);
    const heardAtMs = this.#options.clock.nowMs();
    this.#heard.set(id, { load: IDLE_LOAD, leaving: false, heardAtMs, ...heard, cursor });
    this.#unshared.add(id);
  }

  /** Marks those unhealthy that were silent for too long. Called a few times a second. */
  sweep(): void {
    const nowMs = this.#options.clock.monotonicMs();
    const asleepMs = nowMs - this.#sweptAtMs > SWEEP_GAP_MS ? nowMs - this.#sweptAtMs : 0;
    this.#sweptAtMs = nowMs;
    if (asleepMs > 0) {
      this.#startedMs += asleepMs;
      for (const [id, sinceMs] of this.#silentSinceMs) this.#silentSinceMs.set(id, sinceMs + asleepMs);
    }
    this.#look();
  }

  /** Tells those who rank by load of loads that have changed enough. Called every two seconds. */
  tellLoads(): void {
    const tick = this.#tick + 1;
    for (const member of this.members()) {
      const told = this.#told.get(member.record.id);
      if (told === undefined || (told.loadTick > 0 && !differs(told.record.load, member.record.load))) continue;
      this.#told.set(member.record.id, { ...told, record: member.record, loadTick: tick });
      this.#tick = tick;
    }
    if (this.#tick === tick) this.#tell(true);
  }

  /** Shares with the other replicas what was heard here, and takes in what they heard. Called once a second. */
  async exchange(): Promise<void> {
    const { store } = this.#options;
    const facts = [...this.#unshared].flatMap((id) => {
      const heard = this.#heard.get(id);
      return heard === undefined ? [] : [[id, JSON.stringify(heard)] as const];
    });
    this.#unshared.clear();
    await store.share(TOPIC, Object.fromEntries(facts));
    const shared = await store.shared(TOPIC);
    this.#remote = new Map([...shared].map(([id, fact]) => [id, JSON.parse(fact) as Heard]));
  }

  [Symbol.dispose](): void {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
  }

  /** This replica hears the node. */
  #isOurs(id: string): boolean {
    const { registry } = this.#options;
    return registry.instances().get(id)?.replica === registry.replica;
  }

  /** No other replica hears it any more; while one does, a node whose requests reach both stays with the first. */
  #isForsaken(id: string): boolean {
    const { registry, clock } = this.#options;
    const instance = registry.instances().get(id);
    if (instance === undefined || !instance.passing) return true;
    const elsewhere = this.#remote.get(id);
    return elsewhere === undefined || clock.nowMs() - elsewhere.heardAtMs > LAPSE_MS;
  }

  #memberOf(enrolled: EnrolledNode): Member {
    const { registry } = this.#options;
    const { id, node, drained, servingSinceMs } = enrolled;
    const instance = registry.instances().get(id);
    const heard = this.#heardOf(id);
    const record: NodeRecord = {
      ...node,
      generation: instance?.generation ?? 0,
      healthy: this.#isHealthy(id),
      draining: drained || (heard?.leaving ?? false),
      servingSinceMs,
      load: heard?.load ?? IDLE_LOAD,
    };
    return { record, enrolled, cursor: heard?.cursor ?? null, heardAtMs: heard?.heardAtMs ?? null };
  }

  /** The newest that any replica heard. */
  #heardOf(id: string): Heard | undefined {
    const [here, there] = [this.#heard.get(id), this.#remote.get(id)];
    if (here === undefined || there === undefined) return here ?? there;
    return here.heardAtMs >= there.heardAtMs ? here : there;
  }

  #isHealthy(id: string): boolean {
    const { registry, clock } = this.#options;
    const nowMs = clock.monotonicMs();
    const instance = registry.instances().get(id);
    if (instance !== undefined && !this.#isOurs(id)) return instance.passing || nowMs - this.#startedMs < LAPSE_MS;
    // A node that was known before this process started gets as long as any other.
    return nowMs - (this.#silentSinceMs.get(id) ?? this.#startedMs) < LAPSE_MS;
  }

  #look(): void {
    const { all } = this.#options.enrolled;
    for (const id of this.#told.keys()) {
      if (all.has(id)) continue;
      // The log tells of the removal.
      for (const known of [this.#told, this.#heard, this.#silentSinceMs]) known.delete(id);
    }
    for (const node of all.values()) this.#lookAt(node);
  }

  #lookAt(node: EnrolledNode): void {
    const { record } = this.#memberOf(node);
    const told = this.#told.get(node.id);
    if (told !== undefined && sameButForLoad(told.record, record)) return;
    this.#tick += 1;
    this.#told.set(node.id, { record, tick: this.#tick, loadTick: told?.loadTick ?? 0 });
    this.#tell(false);
  }

  #tell(onlyLoads: boolean): void {
    for (const listener of this.#listeners) listener(onlyLoads);
  }
}

function sameButForLoad(a: NodeRecord, b: NodeRecord): boolean {
  return JSON.stringify({ ...a, load: null }) === JSON.stringify({ ...b, load: null });
}

/** By how much a load has to move before it is told again. */
const STEP: Load = {
  cpu: 0.05,
  egressBytesPerSecond: 1_000_000,
  connections: 10,
  loopLagMs: 20,
  requestsPerSecond: 50,
  errorsPerSecond: 1,
};
const RATIO = 0.1;

function differs(told: Load, now: Load): boolean {
  return (Object.keys(STEP) as (keyof Load)[]).some(
    (key) => Math.abs(now[key] - told[key]) >= Math.max(STEP[key], RATIO * told[key]),
  );
}
