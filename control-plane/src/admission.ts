/**
 * A new edge gets no viewers before it has answered: the leader asks it whether it is ready, from outside as a viewer would,
 * and then says since when it serves. geo gives it a growing share from then on. So does one that started anew.
 */

import { backoffMs } from '@headwater/service/backoff';
import type { Clock } from '@headwater/service/clock';
import type { EnrolledNode, EnrolledNodes } from './enrolled-nodes.ts';
import type { Fleet } from './fleet.ts';
import { type Store, StoreUnavailable } from './state/store.ts';

interface AdmissionOptions {
  readonly fleet: Pick<Fleet, 'members'>;
  readonly enrolled: Pick<EnrolledNodes, 'update'>;
  /** the leader's: lets no one write who is not */
  readonly store: Store;
  readonly clock: Clock;
  readonly random: () => number;
  readonly onAdmitted: (id: string) => void;
}

/** Of a node that waits to be let in. */
interface Trial {
  failures: number;
  /** monotonic */
  dueMs: number;
}

const PROBE_DEADLINE_MS = 1_000;
/** Probes under way at once. */
export const PROBE_LIMIT = 16;
const RETRY = { firstMs: 250, maxMs: 4_000 } as const;
/** Where replicas read why a node is not let in. */
const TOPIC = 'refusals';

export class Admission {
  readonly #options: AdmissionOptions;
  readonly #probing = new Set<string>();
  readonly #trials = new Map<string, Trial>();

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** Why nodes are not let in yet, as the leader's last probes found. Empty while the store cannot be asked. */
  async refusals(): Promise<ReadonlyMap<string, string>> {
    try {
      return await this.#options.store.shared(TOPIC);
    } catch (error) {
      if (error instanceof StoreUnavailable) return new Map();
      throw error;
    }
  }

  /** The leader's: probes those who wait to be let in and whose turn it is. Resolves when these probes are over. */
  async probe(): Promise<void> {
    const { fleet, clock } = this.#options;
    const waiting = fleet.members().filter(({ record }) => record.servingSinceMs === null && record.healthy);
    const urls = new Map(waiting.map(({ record }) => [record.id, record.url]));
    for (const id of this.#trials.keys()) if (!urls.has(id)) this.#trials.delete(id);
    for (const id of urls.keys()) if (!this.#trials.has(id)) this.#trials.set(id, { failures: 0, dueMs: 0 });
    // Who waits the longest comes first: many that never answer keep nobody out.
    const due = [...this.#trials]
      .filter(([id, { dueMs }]) => dueMs <= clock.monotonicMs() && !this.#probing.has(id))
      .sort(([, a], [, b]) => a.dueMs - b.dueMs)
      .slice(0, PROBE_LIMIT - this.#probing.size);
    await Promise.all(due.map(([id, trial]) => this.#probeOne({ id, url: urls.get(id) ?? '' }, trial)));
  }

  async #probeOne(node: { readonly id: string; readonly url: string }, trial: Trial): Promise<void> {
    const { store, clock, random } = this.#options;
    this.#probing.add(node.id);
    try {
      const refusal = await askReady(node.url);
      if (refusal === null) await this.#admit(node);
      await store.share(TOPIC, { [node.id]: refusal });
    } finally {
      trial.dueMs = clock.monotonicMs() + backoffMs(trial.failures, { ...RETRY, random });
      trial.failures += 1;
      this.#probing.delete(node.id);
    }
  }

  async #admit({ id, url }: { readonly id: string; readonly url: string }): Promise<void> {
    const { enrolled, store, clock, onAdmitted } = this.#options;
    const servingSinceMs = Math.floor(clock.nowMs());
    // It may have moved meanwhile.
    const admit = (known: EnrolledNode): EnrolledNode | null =>
      known.servingSinceMs === null && known.node.url === url ? { ...known, servingSinceMs } : null;
    if ((await enrolled.update(id, admit, store)) !== null) onAdmitted(id);
  }
}

/** Null when the node is ready, else why not. */
async function askReady(url: string): Promise<string | null> {
  try {
    const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(PROBE_DEADLINE_MS), redirect: 'error' });
    await answer.body?.cancel();
    return answer.ok ? null : `${url}/readyz answered ${answer.status}`;
  } catch (error) {
    const { cause } = error as Error;
    return `${url}/readyz did not answer: ${cause instanceof Error ? cause.message : String(error)}`;
  }
}
