/**
 * The edges as geo sees them: the feed's records, what the probes found, and what must be remembered so that a passing moment
 * moves nobody: who is overloaded and has not recovered, who came and went, how many viewers were just sent where.
 */

import type { FeedState } from '@headwater/protocol/feed-state';
import type { Load } from '@headwater/protocol/node';
import type { Clock } from '@headwater/service/clock';
import type { Probes } from './health.ts';
import { DEFAULT_POLICY, type EdgeView, loadOf } from './rank.ts';

interface EdgeViewsOptions {
  readonly state: FeedState;
  readonly clock: Clock;
  readonly nodeId: string;
  readonly probes: Pick<Probes, 'verdict'>;
}

/** What is remembered of an edge. */
interface Memory {
  busy: boolean;
  wasUp: boolean;
  /** when it went down, the newest last */
  readonly fallsMs: number[];
  /** the load that `pendingViewers` count from */
  load: Load;
  pendingViewers: number;
}

/** An edge that went down so often within this time is suspect until the oldest of these falls is past. */
const FLAPS = 3;
const FLAP_WINDOW_MS = 120_000;

export class EdgeViews {
  readonly #options: EdgeViewsOptions;
  readonly #memories = new Map<string, Memory>();

  constructor(options: EdgeViewsOptions) {
    this.#options = options;
  }

  /** Every edge as it stands now. */
  look(): readonly EdgeView[] {
    const { state, clock, nodeId, probes } = this.#options;
    const { busyFromLoad, busyUntilLoad } = { ...DEFAULT_POLICY, ...state.settingsOf(nodeId).ranking };
    const nowMs = clock.monotonicMs();
    const views: EdgeView[] = [];
    for (const node of state.nodes.values()) {
      if (node.role !== 'edge') continue;
      const verdict = probes.verdict(node.id);
      const answers = verdict === 'unknown' ? node.healthy : verdict === 'up';
      const memory = this.#memoryOf(node.id, node.load);
      noteFall(memory, answers && node.healthy, nowMs);
      const load = loadOf(node);
      memory.busy = memory.busy ? load >= busyUntilLoad : load >= busyFromLoad;
      if (memory.load !== node.load) Object.assign(memory, { load: node.load, pendingViewers: 0 });
      const { busy, fallsMs, pendingViewers } = memory;
      views.push({ node, answers, busy, suspect: fallsMs.length >= FLAPS, pendingViewers });
    }
    for (const id of this.#memories.keys()) if (!state.nodes.has(id)) this.#memories.delete(id);
    return views;
  }

  /** A viewer was sent to an edge; its load will tell in a while. */
  sent(id: string): void {
    const memory = this.#memories.get(id);
    if (memory !== undefined) memory.pendingViewers += 1;
  }

  #memoryOf(id: string, load: Load): Memory {
    const known = this.#memories.get(id);
    if (known !== undefined) return known;
    const fresh: Memory = { busy: false, wasUp: true, fallsMs: [], load, pendingViewers: 0 };
    this.#memories.set(id, fresh);
    return fresh;
  }
}

function noteFall(memory: Memory, isUp: boolean, nowMs: number): void {
  if (memory.wasUp && !isUp) memory.fallsMs.push(nowMs);
  memory.wasUp = isUp;
  while ((memory.fallsMs[0] ?? nowMs) < nowMs - FLAP_WINDOW_MS || memory.fallsMs.length > FLAPS) memory.fallsMs.shift();
}
