/** The registry of a control plane that stands alone: in memory, since it hears every node itself. */

import type { NodeDescription } from '@headwater/protocol/node';
import type { Clock } from '@headwater/service/clock';
import type { Store } from '../state/store.ts';
import { type Instance, type KeyValue, type Leadership, type Registry, nextGeneration } from './registry.ts';

interface EmbeddedRegistryOptions {
  readonly store: Store;
  readonly clock: Clock;
}

export function openEmbeddedRegistry(options: EmbeddedRegistryOptions): Registry {
  return new EmbeddedRegistry(options);
}

class EmbeddedRegistry implements Registry {
  readonly replica = 'embedded';
  readonly leadership: Leadership = { isLeader: true, fence: 1 };
  readonly kv: KeyValue;
  readonly #clock: Clock;
  readonly #instances = new Map<string, Instance>();
  readonly #listeners = new Set<() => void>();

  constructor({ store, clock }: EmbeddedRegistryOptions) {
    this.#clock = clock;
    this.kv = keyValueOver(store);
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
    if (this.#instances.delete(id)) this.#tell();
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Nothing is held.
  }

  #set(instance: Instance): void {
    this.#instances.set(instance.node.id, instance);
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
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
