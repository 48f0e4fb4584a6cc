/** The registry in Consul: every replica announces the nodes that it hears at its own agent, and watches all of them. */

import { Agent } from 'node:http';
import { Agent as TlsAgent } from 'node:https';
import type { NodeDescription } from '@headwater/protocol/node';
import type { Clock } from '@headwater/service/clock';
import Consul from 'consul';
import { checkOf, NODE_SERVICE, readInstances, serviceOf } from './consul-instance.ts';
import { ConsulLeader } from './consul-leader.ts';
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

/** An agent answers at most 200 connections of a client. */
const SOCKETS = 64;
const REQUEST_DEADLINE_MS = 2_000;
const WATCH_BACKOFF_MS = 1_000;
const CAMPAIGN_MS = 500;
const KEYS = 'headwater/config/';

/** Starts at once, whether or not Consul answers: it is watched from when it does. */
export function openConsulRegistry(options: ConsulRegistryOptions): Registry {
  return new ConsulRegistry(options);
}

class ConsulRegistry implements Registry {
  readonly replica: string;
  readonly kv: KeyValue;
  readonly #options: ConsulRegistryOptions;
  readonly #consul: Consul;
  readonly #leader: ConsulLeader;
  readonly #listeners = new Set<() => void>();
  readonly #passing = new Set<string>();
  readonly #watch: ReturnType<Consul['watch']>;
  readonly #timer: NodeJS.Timeout;
  readonly #withdrawn = new Set<string>();
  /** what we told our agent and have not yet heard back */
  readonly #maintenance = new Map<string, boolean>();
  #instances = new Map<string, Instance>();
  #campaign: Promise<void> = Promise.resolve();
  #isCampaigning = false;

  constructor(options: ConsulRegistryOptions) {
    const { url, token, replica, clock } = options;
    this.#options = options;
    this.replica = replica;
    this.#consul = connect(url, token);
    this.#leader = new ConsulLeader({ consul: this.#consul, replica, clock });
    this.kv = keyValueOver(this.#consul);
    this.#watch = this.#consul.watch({
      method: this.#consul.health.service.bind(this.#consul.health),
      options: { service: NODE_SERVICE },
      backoffMax: WATCH_BACKOFF_MS,
    });
    this.#watch.on('change', (answer: unknown) => this.#take(answer));
    // Without a listener the watch's errors would end the process; it tries again by itself.
    this.#watch.on('error', (error: unknown) => this.#trouble('watch', error));
    this.#timer = setInterval(() => this.#campaignOnce(), CAMPAIGN_MS);
    this.#campaignOnce();
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
    const instance: Instance = { node, generation, replica: this.replica, passing: true, maintenance };
    // Known before Consul says so: its heartbeats count from now on.
    this.#withdrawn.delete(node.id);
    this.#instances.set(node.id, instance);
    this.#tell();
    await this.#register(instance);
  }

  beat(id: string): void {
    // A slow agent gets one request a node, however many heartbeats come meanwhile.
    if (this.#passing.has(id)) return;
    this.#passing.add(id);
    this.#pass(id)
      .catch((error: unknown) => this.#trouble('heartbeat', error))
      .finally(() => this.#passing.delete(id));
  }

  async setMaintenance(id: string, on: boolean): Promise<void> {
    const known = this.#instances.get(id);
    if (known === undefined || known.maintenance === on) return;
    if (known.replica !== this.replica) return;
    this.#maintenance.set(id, on);
    this.#instances.set(id, { ...known, maintenance: on });
    this.#tell();
    const asked = this.#consul.agent.service.maintenance({ id, enable: on, reason: 'drained by an operator' });
    await asked.catch((error: unknown) => this.#trouble('maintenance', error));
  }

  async withdraw(id: string): Promise<void> {
    if (!this.#instances.delete(id)) return;
    this.#withdrawn.add(id);
    this.#tell();
    const asked = this.#consul.agent.service.deregister({ id });
    await asked.catch((error: unknown) => this.#trouble('withdraw', error));
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#watch.end();
    await this.#campaign;
    await this.#leader.resign().catch((error: unknown) => this.#trouble('resign', error));
    this.#consul.destroy();
  }

  /** An answer of the watch. The same one may come twice, and one that is empty may only mean that we may not look. */
  #take(answer: unknown): void {
    const found = readInstances(answer);
    if (found.size === 0 && this.#instances.size > 0) {
      this.#trouble('watch', new Error('an empty answer: the known fleet is kept (is the ACL token good?)'));
      return;
    }
    // An answer may be older than what was said meanwhile.
    for (const id of this.#withdrawn) if (!found.delete(id)) this.#withdrawn.delete(id);
    for (const [id, on] of this.#maintenance) if (found.get(id)?.maintenance === on) this.#maintenance.delete(id);
    const ids = new Set([...this.#instances.keys(), ...found.keys()]);
    this.#instances = new Map([...ids].map((id) => [id, this.#settle(this.#instances.get(id), found.get(id))]));
    this.#removeTakenOver(answer);
    this.#tell();
  }

  /** What is known of a node and what the registry tells of it, as one; either may be missing, never both. */
  #settle(known: Instance | undefined, told: Instance | undefined): Instance {
    if (known === undefined || (told !== undefined && told.generation > known.generation)) return told as Instance;
    const isOurs = known.replica === this.replica;
    const passing = isOurs ? known.passing : told?.generation === known.generation && told.passing;
    const maintenance = this.#maintenance.get(known.node.id) ?? told?.maintenance ?? known.maintenance;
    return { ...known, passing, maintenance };
  }

  /** What we announced of a node that another replica hears now is stale. */
  #removeTakenOver(answer: unknown): void {
    for (const entry of answer as readonly unknown[]) {
      const [own] = readInstances([entry]).values();
      if (own === undefined || own.replica !== this.replica) continue;
      const current = this.#instances.get(own.node.id);
      if (current === undefined || current.replica === this.replica) continue;
      const asked = this.#consul.agent.service.deregister({ id: own.node.id });
      asked.catch((error: unknown) => this.#trouble('take-over', error));
    }
  }

  async #register(instance: Instance): Promise<void> {
    await this.#consul.agent.service
      .register(serviceOf(instance))
      .catch((error: unknown) => this.#trouble('announce', error));
  }

  /** An agent that was restarted without its state, or that never heard of the node, does not know the check. */
  async #pass(id: string): Promise<void> {
    try {
      await this.#consul.agent.check.pass({ id: checkOf(id) });
    } catch (error) {
      const instance = this.#instances.get(id);
      if (!isAnswer(error) || instance?.replica !== this.replica) throw error;
      await this.#consul.agent.service.register(serviceOf(instance));
    }
  }

  #campaignOnce(): void {
    if (this.#isCampaigning) return;
    this.#isCampaigning = true;
    this.#campaign = this.#leader
      .campaign()
      .catch((error: unknown) => this.#trouble('campaign', error))
      .finally(() => (this.#isCampaigning = false));
  }

  #trouble(what: string, error: unknown): void {
    this.#options.onTrouble?.(what, error);
  }

  /** One listener that throws costs the others nothing. */
  #tell(): void {
    for (const listener of this.#listeners) {
      try {
        listener();
      } catch (error) {
        this.#trouble('listener', error);
      }
    }
  }
}

function connect(url: string, token: string | null): Consul {
  const { hostname: host, port, protocol } = new URL(url);
  const secure = protocol === 'https:';
  const agent = new (secure ? TlsAgent : Agent)({ keepAlive: true, maxSockets: SOCKETS });
  const defaults = { timeout: REQUEST_DEADLINE_MS, ...(token === null ? {} : { token }) };
  return new Consul({ host, port: Number(port || (secure ? 443 : 80)), secure, agent, defaults });
}

/** Consul said no, as opposed to not saying anything. */
function isAnswer(error: unknown): boolean {
  return (error as { readonly response?: { readonly statusCode?: number } }).response?.statusCode !== undefined;
}

function keyValueOver(consul: Consul): KeyValue {
  return {
    async get(key) {
      // No such key is undefined.
      const kept = await consul.kv.get(KEYS + key);
      return kept === undefined || kept === null ? null : { value: kept.Value ?? '', index: kept.ModifyIndex };
    },
    async cas(key, value, index) {
      // A false answer comes back as undefined.
      const done: boolean | undefined = await consul.kv.set({ key: KEYS + key, value, cas: index });
      return done ?? false;
    },
  };
}
