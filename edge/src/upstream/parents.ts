/** The edges that this one asks before an origin: who they are, how they are, and what they must be shown. */

import { LAST_PURGE, NODE_PASS } from '@headwater/protocol/headers';
import type { PassPurpose } from '@headwater/protocol/node-pass';
import type { Clock } from '@headwater/service/clock';
import type { FieldList } from '../http-cache/fields.ts';
import type { Passes } from '../passes.ts';
import { type PurgeLedger, formatPurgePoint } from '../purge-ledger.ts';
import { OriginProbes } from './origin-probes.ts';
import { ParentProbes } from './parent-probes.ts';
import type { Weighted } from './rendezvous.ts';
import { BREAKER_LIMITS } from './target-health.ts';
import { type Target, Targets } from './targets.ts';
import type { UpstreamEvents } from './upstream-events.ts';

interface ParentsOptions {
  readonly parents: readonly Weighted[];
  /** by which this edge may stand in its own list of parents */
  readonly ownUrl: string | null;
  readonly clock: Clock;
  readonly events: Pick<UpstreamEvents, 'breakerChanged'>;
  readonly passes: Pick<Passes, 'mint'>;
  readonly purges: Pick<PurgeLedger, 'last'>;
}

export class Parents {
  readonly targets: Targets;
  readonly #options: ParentsOptions;
  readonly #probes: ParentProbes;
  readonly #originProbes = new OriginProbes();
  readonly #watchers = new Set<(parent: Target) => void>();

  constructor(options: ParentsOptions) {
    const { parents, ownUrl, clock, events } = options;
    this.#options = options;
    this.targets = new Targets({
      parents,
      ownUrl,
      breaker: BREAKER_LIMITS,
      clock,
      onBreaker: (target, state) => {
        events.breakerChanged(target.url, target.kind, state);
        this.#originProbes.note(target, state);
      },
    });
    this.#probes = new ParentProbes({
      parents: this.targets.parents,
      onDown: (parent) => {
        for (const watcher of this.#watchers) watcher(parent);
      },
    });
  }

  /** Calls back when a parent is found to be gone: what waits for it had better ask another. */
  onDown(watcher: (parent: Target) => void): void {
    this.#watchers.add(watcher);
  }

  /** Whether an edge is a parent that does not answer, or says that it is not ready. */
  isGone(baseUrl: string): boolean {
    return this.targets.parents.some(({ url, health }) => url === baseUrl && !health.isReady);
  }

  /** Something is due from a parent and does not come. */
  doubt(parent: Target): void {
    this.#probes.doubt(parent);
  }

  /** What a parent wants to see of who asks. */
  fieldsFor(purpose: PassPurpose): FieldList {
    const { passes, purges } = this.#options;
    const pass = passes.mint(purpose);
    const { last } = purges;
    return [
      ...(pass === null ? [] : [NODE_PASS, pass]),
      ...(last === null ? [] : [LAST_PURGE, formatPurgePoint(last)]),
    ];
  }

  [Symbol.dispose](): void {
    this.#probes[Symbol.dispose]();
    this.#originProbes[Symbol.dispose]();
  }
}
