/**
 * The edges as geo sees them: the feed's records, what the probes found and the players did, and what must be remembered so that
 * a passing moment moves nobody: who is overloaded and has not recovered, who came and went, whose answers failed, how many
 * viewers were just sent where.
 */

import type { FeedState } from '@headwater/protocol/feed-state';
import type { Load } from '@headwater/protocol/node';
import type { Clock } from '@headwater/service/clock';
import type { Probes } from './health.ts';
import type { Departures } from './departures.ts';
import { DEFAULT_POLICY, type EdgeView, type Suspicion, loadOf } from './rank.ts';

interface EdgeViewsOptions {
  readonly state: FeedState;
  readonly clock: Clock;
  readonly nodeId: string;
  readonly probes: Pick<Probes, 'verdict'>;
  readonly departures: Pick<Departures, 'isAvoided' | 'forget'>;
}

/** What is remembered of an edge. */
interface Memory {
  busy: boolean;
  wasUp: boolean;
  /** when it went down, the newest last */
  readonly fallsMs: number[];
  /** until when its failed answers count */
  failingUntilMs: number;
  /** the load that `pendingViewers` count from */
  load: Load;
  pendingViewers: number;
}

/** An edge that went down so often within this time is suspect until the oldest of these falls is past. */
const FLAPS = 3;
const FLAP_WINDOW_MS = 120_000;
/** An edge of whose answers this share fails is suspect, and for a while afterwards: without viewers nothing fails. */
const FAILING_SHARE = 0.1;
const FAILING_ERRORS_PER_SECOND = 1;
const FAILING_MS = 30_000;

export class EdgeViews {
  readonly #options: EdgeViewsOptions;
  readonly #memories = new Map<string, Memory>();

  constructor(options: EdgeViewsOptions) {
    this.#options = options;
  }

  /** Every edge as it stands now. */
  look(): readonly EdgeView[] {
    const { state, clock, nodeId, probes, departures } = this.#options;
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
      if (isFailing(node.load)) memory.failingUntilMs = nowMs + FAILING_MS;
      const suspicion = suspicionOf(memory, departures.isAvoided(node.id), nowMs);
      const { busy, pendingViewers } = memory;
      views.push({ node, answers, busy, suspicion, pendingViewers });
    }
    for (const id of this.#memories.keys()) if (!state.nodes.has(id)) this.#forget(id);
    return views;
  }

  /** A viewer was sent to an edge; its load will tell in a while. */
  sent(id: string): void {
    const memory = this.#memories.get(id);
    if (memory !== undefined) memory.pendingViewers += 1;
  }

  #forget(id: string): void {
    this.#memories.delete(id);
    this.#options.departures.forget(id);
  }

  #memoryOf(id: string, load: Load): Memory {
    const known = this.#memories.get(id);
    if (known !== undefined) return known;
    const fresh: Memory = { busy: false, wasUp: true, fallsMs: [], failingUntilMs: 0, load, pendingViewers: 0 };
    this.#memories.set(id, fresh);
    return fresh;
  }
}

function isFailing({ requestsPerSecond, errorsPerSecond }: Load): boolean {
  return errorsPerSecond >= FAILING_ERRORS_PER_SECOND && errorsPerSecond >= FAILING_SHARE * requestsPerSecond;
}

function suspicionOf({ fallsMs, failingUntilMs }: Memory, isAvoided: boolean, nowMs: number): Suspicion | null {
  if (fallsMs.length >= FLAPS) return 'flapping';
  if (failingUntilMs > nowMs) return 'failing';
  return isAvoided ? 'left' : null;
}

function noteFall(memory: Memory, isUp: boolean, nowMs: number): void {
  if (memory.wasUp && !isUp) memory.fallsMs.push(nowMs);
  memory.wasUp = isUp;
  while ((memory.fallsMs[0] ?? nowMs) < nowMs - FLAP_WINDOW_MS || memory.fallsMs.length > FLAPS) memory.fallsMs.shift();
}
