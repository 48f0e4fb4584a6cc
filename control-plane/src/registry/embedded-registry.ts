/** The registry of a control plane that stands alone: in memory, since it hears every node itself. */

import type { NodeDescription } from '@headwater/protocol/node';
import type { Clock } from '@headwater/service/clock';
import type { Store } from '../state/store.ts';
import { ChangeListeners } from './change-listeners.ts';
import { type Instance, type KeyValue, type Leadership, type Registry, nextGeneration } from './registry.ts';

interface EmbeddedRegistryOptions {
  /** this process's name among others over the same store */
  readonly replica: string;
  readonly store: Store;
  readonly clock: Clock;
  /** what an operator should know */
  readonly onTrouble?: (what: string, error: unknown) => void;
}

/** A listener that threw is called again after this time. */
const RETRY_MS = 500;

export function openEmbeddedRegistry(options: EmbeddedRegistryOptions): Registry {
  return new EmbeddedRegistry(options);
}

class EmbeddedRegistry implements Registry {
  readonly replica: string;
  readonly leadership: Leadership = { isLeader: true, fence: { scope: 'embedded', index: 0 } };
  readonly kv: KeyValue;
  readonly leaderKv: KeyValue;
  readonly #clock: Clock;
  readonly #instances = new Map<string, Instance>();
  readonly #listeners: ChangeListeners;
  readonly #timer: NodeJS.Timeout;

  constructor({ store, replica, clock, onTrouble }: EmbeddedRegistryOptions) {
    this.replica = replica;
    this.#clock = clock;
    this.kv = keyValueOver(store);
    this.leaderKv = this.kv;
    this.#listeners = new ChangeListeners((error) => onTrouble?.('listener', error));
    this.#timer = setInterval(() => this.#listeners.retry(), RETRY_MS);
  }

  instances(): ReadonlyMap<string, Instance> {
    return this.#instances;
  }

  async announce(node: NodeDescription): Promise<void> {
    const known = this.#instances.get(node.id);
    const generation = nextGeneration(known, this.#clock.nowMs());
    const maintenance = known?.maintenance ?? false;
    this.#set({ node, generation, replica: this.replica, passing: true, maintenance });
  }

  beat(): void {
    // Who hears every heartbeat needs nobody to tell of them.
  }

  async setMaintenance(id: string, on: boolean): Promise<void> {
    const known = this.#instances.get(id);
    if (known !== undefined && known.maintenance !== on) this.#set({ ...known, maintenance: on });
  }

  async withdraw(id: string): Promise<void> {
    if (this.#instances.delete(id)) this.#listeners.notify();
  }

  async removeStale(isMember: (id: string) => boolean): Promise<void> {
    for (const id of this.#instances.keys()) if (!isMember(id)) await this.withdraw(id);
  }

  onChange(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
  }

  #set(instance: Instance): void {
    this.#instances.set(instance.node.id, instance);
    this.#listeners.notify();
  }
}

function keyValueOver(store: Store): KeyValue {
  return {
    async get(key) {
      const kept = await store.get('kv', key);
      return kept === null ? null : { value: kept.body as string, index: kept.revision };
    },
    async cas(key, value, index) {
      return (await store.commit({ changes: [{ collection: 'kv', id: key, expect: index, body: value }] })) === 'done';
    },
  };
}
