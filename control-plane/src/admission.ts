/**
 * A new edge gets no viewers before it has answered: the leader asks it whether it is ready, from outside as a viewer would,
 * and then says since when it serves. geo gives it a growing share from then on.
 */

import type { Clock } from '@headwater/service/clock';
import type { Fleet, Member } from './fleet.ts';
import type { EnrolledNode, EnrolledNodes } from './enrolled-nodes.ts';
import type { Store } from './state/store.ts';

interface AdmissionOptions {
  readonly fleet: Fleet;
  readonly enrolled: EnrolledNodes;
  /** the leader's: lets no one write who is not */
  readonly store: Store;
  readonly clock: Clock;
  readonly onAdmitted: (id: string) => void;
}

const PROBE_DEADLINE_MS = 1_000;
/** Probes under way at once. */
const PROBE_LIMIT = 16;

export class Admission {
  readonly #options: AdmissionOptions;
  readonly #probing = new Set<string>();
  readonly #refusals = new Map<string, string>();

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** Why a node is not let in yet, as its last probe found; null when there was none. */
  refusal(id: string): string | null {
    return this.#refusals.get(id) ?? null;
  }

  /** The leader's: probes those who wait to be let in. Resolves when these probes are over. */
  async probe(): Promise<void> {
    const { fleet } = this.#options;
    const waiting = fleet.members().filter(({ record }) => record.servingSinceMs === null && record.healthy);
    const next = waiting
      .filter(({ record }) => !this.#probing.has(record.id))
      .slice(0, PROBE_LIMIT - this.#probing.size);
    await Promise.all(next.map((member) => this.#probeOne(member)));
  }

  async #probeOne({ record: { id, url } }: Member): Promise<void> {
    const { enrolled, store, clock, onAdmitted } = this.#options;
    this.#probing.add(id);
    try {
      const refusal = await askReady(url);
      if (refusal !== null) {
        this.#refusals.set(id, refusal);
        return;
      }
      this.#refusals.delete(id);
      const servingSinceMs = Math.floor(clock.nowMs());
      const admit = (node: EnrolledNode) => (node.servingSinceMs === null ? { ...node, servingSinceMs } : null);
      await enrolled.update(id, admit, store);
      onAdmitted(id);
    } finally {
      this.#probing.delete(id);
    }
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
