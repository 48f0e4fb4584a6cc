/**
 * Whom to ask, in which order: the parents as the key ranks them, then the zone's origins. A parent list may hold this
 * edge itself, so that a fleet has one list: then only those that rank before it are asked, and it is the key's shield.
 */

import type { Clock } from '@headwater/service/clock';
import { type Weighted, rank } from './rendezvous.ts';
import { type BreakerLimits, type BreakerState, TargetHealth } from './target-health.ts';

export type TargetKind = 'parent' | 'origin';

export interface Target {
  readonly url: string;
  readonly kind: TargetKind;
  readonly health: TargetHealth;
}

export interface TargetsOptions {
  readonly parents: readonly Weighted[];
  /** this edge's own URL in such a list */
  readonly ownUrl: string | null;
  readonly breaker: BreakerLimits;
  readonly clock: Clock;
  readonly onBreaker: (target: Target, state: BreakerState) => void;
}

/** Origins whose health is remembered; the one that was not asked for longest is forgotten. */
const ORIGINS_LIMIT = 4_096;

export class Targets {
  readonly #options: TargetsOptions;
  readonly #parents: readonly (Weighted & Target)[];
  readonly #origins = new Map<string, Target>();

  constructor(options: TargetsOptions) {
    this.#options = options;
    this.#parents = options.parents.map((parent) => ({ ...parent, ...this.#make(parent.url, 'parent') }));
  }

  /** The parents other than this edge itself; their health is to be probed. */
  get parents(): readonly Target[] {
    return this.#parents.filter(({ url }) => url !== this.#options.ownUrl);
  }

  /** Those who may be asked for a key, the best first, whatever their health. */
  candidates(key: string, origins: readonly string[]): Target[] {
    const ranked = rank(key, this.#parents);
    const own = ranked.findIndex(({ url }) => url === this.#options.ownUrl);
    const before = own === -1 ? ranked : ranked.slice(0, own);
    return [...before, ...rank(key, origins.map(equal)).map(({ url }) => this.#origin(url))];
  }

  #origin(url: string): Target {
    const known = this.#origins.get(url) ?? this.#make(url, 'origin');
    this.#origins.delete(url);
    this.#origins.set(url, known);
    const [oldest] = this.#origins.keys();
    if (this.#origins.size > ORIGINS_LIMIT && oldest !== undefined) this.#origins.delete(oldest);
    return known;
  }

  #make(url: string, kind: TargetKind): Target {
    const { breaker: limits, clock, onBreaker } = this.#options;
    const onChange = (state: BreakerState): void => onBreaker(target, state);
    const target: Target = { url, kind, health: new TargetHealth({ limits, clock, onChange }) };
    return target;
  }
}

function equal(url: string): Weighted {
  return { url, weight: 1 };
}
