/** The registry in Consul: every replica announces the nodes that it hears at its own agent, and watches all of them. */

import type { NodeDescription } from '@headwater/protocol/node';
import type { Clock } from '@headwater/service/clock';
import type Consul from 'consul';
import { Deposed } from '../state/fenced-store.ts';
import { ChangeListeners } from './change-listeners.ts';
import { SOCKETS, connectConsul, isAnswer, keyValueOver, leaderKeyValueOver } from './consul-client.ts';
import { type Announcement, NODE_SERVICE, checkOf, readAnnouncements, serviceOf } from './consul-instance.ts';
import { ConsulLeader } from './consul-leader.ts';
import { ConsulWatch } from './consul-watch.ts';
import { HeartbeatQueue } from './heartbeat-queue.ts';
import { type Instance, type KeyValue, type Leadership, type Registry, nextGeneration } from './registry.ts';

interface ConsulRegistryOptions {
  /** base URL of this replica's agent */
  readonly url: string;
  /** ACL token */
  readonly token: string | null;
  readonly replica: string;
  readonly clock: Clock;
  /** what an operator should know */
  readonly onTrouble?: (what: string, error: unknown) => void;
}

/** A node that this replica hears. */
interface Own {
  readonly instance: Instance;
  /** false: the agent has yet to hear of it */
  isRegistered: boolean;
}

/** What Consul told of a node that another replica hears. */
interface Told {
  readonly instance: Instance;
  /** monotonic; when it began to be missing from answers that had others */
  readonly missingSinceMs: number | null;
}

const CAMPAIGN_MS = 500;
/** A node that Consul has told nothing of for so long is forgotten; enrolment remembers it. */
const FORGET_MS = 60_000;
/** One line for a trouble that goes on. */
const TROUBLE_EVERY_MS = 10_000;

/** Starts at once, whether or not Consul answers: it is watched from when it does. */
export function openConsulRegistry(options: ConsulRegistryOptions): Registry {
  return new ConsulRegistry(options);
}

class ConsulRegistry implements Registry {
  readonly replica: string;
  readonly kv: KeyValue;
  readonly leaderKv: KeyValue;
  readonly #options: ConsulRegistryOptions;
  /** for what is told of nodes */
  readonly #consul: Consul;
  /** for the watch, the lock and the keys */
  readonly #ownConsul: Consul;
  readonly #heartbeats: HeartbeatQueue;
  readonly #leader: ConsulLeader;
  readonly #watch: ConsulWatch;
  readonly #listeners: ChangeListeners;
  readonly #timer: NodeJS.Timeout;
  readonly #own = new Map<string, Own>();
  readonly #told = new Map<string, Told>();
  /** generation that was withdrawn; an answer may be older than that */
  readonly #withdrawn = new Map<string, number>();
  /** what we told our agent and have not yet heard back */
  readonly #maintenance = new Map<string, boolean>();
  /** nodes of which our agent is to be told anew whether they are in maintenance */
  readonly #owed = new Set<string>();
  readonly #troubledAtMs = new Map<string, number>();
  #announced: readonly Announcement[] = [];
  /** what was stale the last time that this was looked at */
  #suspects: ReadonlySet<string> = new Set();
  #instances: ReadonlyMap<string, Instance> = new Map();
  #campaign: Promise<void> | null = null;

  constructor(options: ConsulRegistryOptions) {
    const { replica, clock } = options;
    this.#options = options;
    this.replica = replica;
    this.#consul = connectConsul(options, SOCKETS.nodes);
    this.#ownConsul = connectConsul(options, SOCKETS.ownWork);
    this.#heartbeats = new HeartbeatQueue({ clock, send: (id) => this.#pass(id) });
    this.#leader = new ConsulLeader({ consul: this.#ownConsul, replica, clock });
    this.#listeners = new ChangeListeners((error) => this.#trouble('listener', error));
    this.kv = keyValueOver(this.#ownConsul);
    this.leaderKv = leaderKeyValueOver(this.kv, (operation) => this.#leader.write(operation));
    this.#watch = new ConsulWatch({
      ask: (query) => this.#ownConsul.health.service({ service: NODE_SERVICE, ...query }),
      take: (answer) => this.#take(readAnnouncements(answer)),
      onFailure: (error) => this.#trouble('watch', error),
    });
    this.#timer = setInterval(() => this.#work(), CAMPAIGN_MS);
    this.#work();
  }

  get leadership(): Leadership {
    return this.#leader.leadership;
  }

  instances(): ReadonlyMap<string, Instance> {
    return this.#instances;
  }

  async announce(node: NodeDescription): Promise<void> {
    const known = this.#instances.get(node.id);
    const generation = nextGeneration(known, this.#options.clock.nowMs());
    const maintenance = known?.maintenance ?? false;
    // Known before Consul says so: its heartbeats count from now on.
    const own: Own = {
      instance: { node, generation, replica: this.replica, passing: true, maintenance },
      isRegistered: false,
    };
    this.#own.set(node.id, own);
    this.#heartbeats.forget(node.id);
    this.#settle();
    await this.#register(own).catch((error: unknown) => this.#trouble('announce', error));
  }

  beat(id: string): void {
    if (this.#own.has(id)) this.#heartbeats.add(id);
  }

  async setMaintenance(id: string, on: boolean): Promise<void> {
    const own = this.#own.get(id);
    if (own === undefined || own.instance.maintenance === on) return;
    const changed = { ...own, instance: { ...own.instance, maintenance: on } };
    this.#own.set(id, changed);
    this.#maintenance.set(id, on);
    this.#settle();
    await this.#maintain(id);
  }

  async withdraw(id: string): Promise<void> {
    const known = this.#instances.get(id);
    if (known === undefined) return;
    const isOurs = this.#own.delete(id);
    this.#heartbeats.forget(id);
    this.#told.delete(id);
    this.#maintenance.delete(id);
    this.#withdrawn.set(id, known.generation);
    this.#settle();
    if (isOurs) await this.#deregister(id);
  }

  async removeStale(isMember: (id: string) => boolean): Promise<void> {
    const suspects = this.#announced.filter(({ instance: { node, generation } }) => {
      return !isMember(node.id) || (this.#instances.get(node.id)?.generation ?? 0) > generation;
    });
    // Whoever announced it removes it at once, where he can; and what was let in a moment ago may not be known here yet.
    const stale = suspects.filter((suspect) => this.#suspects.has(nameOf(suspect)));
    this.#suspects = new Set(suspects.map(nameOf));
    for (const { agent, instance } of stale) {
      const service = { ID: instance.node.id, Service: NODE_SERVICE };
      const asked = this.#leader.write({ Service: { Verb: 'delete', Node: agent, Service: service } });
      await asked.catch((error: unknown) => {
        if (error instanceof Deposed) throw error;
        this.#trouble('stale', error);
      });
    }
  }

  onChange(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#watch.end();
    await this.#campaign;
    await this.#leader.resign().catch((error: unknown) => this.#trouble('resign', error));
    this.#consul.destroy();
    this.#ownConsul.destroy();
  }

  /** An answer of the watch. The same one may come twice, and one that is empty may only mean that we may not look. */
  #take(announced: readonly Announcement[]): void {
    if (announced.length === 0 && this.#told.size > 0) {
      this.#trouble('watch', new Error('an empty answer: the known fleet is kept (is the ACL token good?)'));
      return;
    }
    this.#announced = announced;
    const found = newestOf(announced);
    this.#noteMissing(found);
    for (const [id, own] of this.#own) own.isRegistered &&= found.get(id)?.generation === own.instance.generation;
    for (const [id, instance] of found) {
      if (instance.generation > (this.#withdrawn.get(id) ?? 0)) this.#takeOne(id, instance);
    }
    for (const id of this.#withdrawn.keys()) if (!found.has(id)) this.#withdrawn.delete(id);
    this.#removeSuperseded();
    this.#settle();
  }

  #takeOne(id: string, instance: Instance): void {
    const own = this.#own.get(id);
    const isNewer = own !== undefined && instance.generation > own.instance.generation;
    if (instance.replica === this.replica && (own === undefined || isNewer)) {
      // An earlier process of this replica announced it, maybe with a token that has ended since: it is registered anew.
      this.#own.set(id, { instance: { ...instance, passing: true }, isRegistered: false });
    } else if (own === undefined || isNewer) {
      this.#own.delete(id);
      this.#heartbeats.forget(id);
      this.#told.set(id, { instance, missingSinceMs: null });
    } else if (instance.generation === own.instance.generation) {
      this.#takeMaintenance(id, own, instance.maintenance);
    }
  }

  /** Somebody may have set it in Consul itself; what we told our agent may not have come back yet. */
  #takeMaintenance(id: string, own: Own, told: boolean): void {
    const asked = this.#maintenance.get(id);
    if (asked === told) this.#maintenance.delete(id);
    if (asked !== undefined || own.instance.maintenance === told) return;
    this.#own.set(id, { ...own, instance: { ...own.instance, maintenance: told } });
  }

  /** What is missing from an answer is not gone: an agent that came back without its state is told again. */
  #noteMissing(found: ReadonlyMap<string, Instance>): void {
    const nowMs = this.#options.clock.monotonicMs();
    for (const [id, { instance, missingSinceMs }] of this.#told) {
      if (found.has(id)) continue;
      const sinceMs = missingSinceMs ?? nowMs;
      if (nowMs - sinceMs > FORGET_MS) this.#told.delete(id);
      else this.#told.set(id, { instance: { ...instance, passing: false }, missingSinceMs: sinceMs });
    }
  }

  /** What stands at our agent and is not what we hold: another replica has taken the node over, or it was withdrawn. */
  #removeSuperseded(): void {
    for (const { instance } of this.#announced) {
      const { id } = instance.node;
      if (instance.replica === this.replica && !this.#own.has(id)) void this.#deregister(id);
    }
  }

  /** Of one id this replica hears and Consul told of, ours is the newer one: see `#takeOne`. */
  #settle(): void {
    const told = [...this.#told].map(([id, { instance }]) => [id, instance] as const);
    const own = [...this.#own].map(([id, { instance }]) => [id, instance] as const);
    this.#instances = new Map([...told, ...own]);
    this.#listeners.notify();
  }

  /** Says that a node lives. @returns whether the agent took it */
  async #pass(id: string): Promise<boolean> {
    const own = this.#own.get(id);
    if (own === undefined) return false;
    try {
      if (!own.isRegistered || !(await this.#isPassed(id))) await this.#register(own);
      return true;
    } catch (error) {
      this.#trouble('heartbeat', error);
      return false;
    }
  }

  /** False: an agent that was restarted without its state, or that never heard of the node, does not know the check. */
  async #isPassed(id: string): Promise<boolean> {
    try {
      await this.#consul.agent.check.pass({ id: checkOf(id) });
      return true;
    } catch (error) {
      if (!isAnswer(error)) throw error;
      return false;
    }
  }

  async #register({ instance }: Own): Promise<void> {
    const { id } = instance.node;
    await this.#consul.agent.service.register(serviceOf(instance));
    const own = this.#own.get(id);
    if (own === undefined) return this.#deregister(id);
    if (own.instance.generation === instance.generation) own.isRegistered = true;
    if (own.instance.maintenance) await this.#maintain(id);
  }

  /** Tells our agent; one that cannot be told now is told later, since it may come back with what it knew. */
  async #maintain(id: string): Promise<void> {
    const own = this.#own.get(id);
    this.#owed.delete(id);
    if (own === undefined) return;
    const { maintenance: enable } = own.instance;
    try {
      await this.#consul.agent.service.maintenance({ id, enable, reason: 'drained by an operator' });
    } catch (error) {
      this.#owed.add(id);
      this.#trouble('maintenance', error);
    }
  }

  async #deregister(id: string): Promise<void> {
    const asked = this.#consul.agent.service.deregister({ id });
    await asked.catch((error: unknown) => this.#trouble('withdraw', error));
  }

  #work(): void {
    this.#listeners.retry();
    for (const id of this.#owed) void this.#maintain(id);
    this.#campaign ??= this.#leader
      .campaign()
      .catch((error: unknown) => this.#trouble('campaign', error))
      .finally(() => (this.#campaign = null));
  }

  #trouble(what: string, error: unknown): void {
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs - (this.#troubledAtMs.get(what) ?? -Infinity) < TROUBLE_EVERY_MS) return;
    this.#troubledAtMs.set(what, nowMs);
    this.#options.onTrouble?.(what, error);
  }
}

function nameOf({ agent, instance }: Announcement): string {
  return `${agent} ${instance.node.id} ${instance.generation}`;
}

/** Of several announcements under one id the one with the highest generation is the node. */
function newestOf(announced: readonly Announcement[]): ReadonlyMap<string, Instance> {
  const newest = new Map<string, Instance>();
  for (const { instance } of announced) {
    const known = newest.get(instance.node.id);
    if (known === undefined || known.generation < instance.generation) newest.set(instance.node.id, instance);
  }
  return newest;
}
