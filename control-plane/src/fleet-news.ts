/**
 * What this replica has told of the fleet, and when: each change has a tick, so that whoever follows from a tick gets what came
 * after it. Nobody keeps this; another process of the control plane has another boot, and tells everything.
 */

import { randomBytes } from 'node:crypto';
import type { Load, NodeRecord } from '@headwater/protocol/node';

interface Told {
  /** all of the record but its load and its generation: a registration alone is no news */
  readonly text: string;
  readonly tick: number;
  readonly load: Load;
  readonly loadTick: number;
}

/** So many removals are remembered; who follows from before them has the log, which keeps them longer. */
const REMOVALS = 1_000;

export class FleetNews {
  readonly boot = randomBytes(4).toString('hex');
  readonly #told = new Map<string, Told>();
  readonly #removedAt = new Map<string, number>();
  #tick = 0;

  get tick(): number {
    return this.#tick;
  }

  /** The nodes that were told of and not removed since. */
  ids(): readonly string[] {
    return [...this.#told.keys()];
  }

  /** Compares the whole fleet with what was told. @returns whether there is news */
  tellAll(records: readonly NodeRecord[]): boolean {
    const present = new Set(records.map(({ id }) => id));
    const gone = [...this.#told.keys()].filter((id) => !present.has(id));
    for (const id of gone) this.#remove(id);
    return records.map((record) => this.tell(record)).includes(true) || gone.length > 0;
  }

  /** @returns whether it is news */
  tell(record: NodeRecord): boolean {
    const text = textOf(record);
    const told = this.#told.get(record.id);
    if (told?.text === text) return false;
    this.#tick += 1;
    this.#removedAt.delete(record.id);
    this.#told.set(record.id, { text, tick: this.#tick, load: record.load, loadTick: this.#tick });
    return true;
  }

  /** Loads that have moved enough to be told again. @returns whether there are any */
  tellLoads(records: readonly NodeRecord[]): boolean {
    const tick = this.#tick + 1;
    for (const { id, load } of records) {
      const told = this.#told.get(id);
      if (told === undefined || !differs(told.load, load)) continue;
      this.#told.set(id, { ...told, load, loadTick: tick });
      this.#tick = tick;
    }
    return this.#tick === tick;
  }

  /** Which nodes changed after a tick, loads included or not, and which were removed. */
  since(
    tick: number,
    withLoads: boolean,
  ): { readonly changed: readonly string[]; readonly removed: readonly string[] } {
    const isNews = (told: Told): boolean => told.tick > tick || (withLoads && told.loadTick > tick);
    return {
      changed: [...this.#told].filter(([, told]) => isNews(told)).map(([id]) => id),
      removed: [...this.#removedAt].filter(([, at]) => at > tick).map(([id]) => id),
    };
  }

  #remove(id: string): void {
    this.#tick += 1;
    this.#told.delete(id);
    this.#removedAt.set(id, this.#tick);
    const oldest = this.#removedAt.keys().next().value;
    if (this.#removedAt.size > REMOVALS && oldest !== undefined) this.#removedAt.delete(oldest);
  }
}

function textOf({ load: _load, generation: _generation, ...rest }: NodeRecord): string {
  return JSON.stringify(rest);
}

/** By how much a load has to move before it is told again. */
const STEP = {
  cpu: 0.05,
  egressBytesPerSecond: 1_000_000,
  connections: 10,
  loopLagMs: 20,
  requestsPerSecond: 50,
  errorsPerSecond: 1,
} as const;
const RATIO = 0.1;

function differs(told: Load, now: Load): boolean {
  return (Object.keys(STEP) as (keyof Load)[]).some(
    (key) => Math.abs(now[key] - told[key]) >= Math.max(STEP[key], RATIO * told[key]),
  );
}
