/** What has to happen without being asked for: some of it at every replica, some at the leader alone. */

import { dropOldAnswers } from './api/idempotency.ts';
import type { Events } from './events.ts';
import { promoteDueKey } from './path-key-rotation.ts';
import type { Services } from './services.ts';
import { Deposed } from './state/fenced-store.ts';
import { State } from './state/state.ts';
import { type Store, StoreUnavailable } from './state/store.ts';

const SWEEP_MS = 250;
const PROBE_MS = 250;
const EXCHANGE_MS = 1_000;
const ACKNOWLEDGE_MS = 100;
const LOADS_MS = 2_000;
const JUDGE_MS = 1_000;
const STALE_MS = 5_000;
const FLUSH_MS = 1_000;
const TRIM_MS = 10_000;
const OLD_ANSWERS_MS = 600_000;

/**
 * Begins them. Returns what ends them.
 * @param leaderStore lets no one write who does not lead
 */
export function startChores(services: Services, leaderStore: Store): () => void {
  const { registry, fleet, admission, configs, purges, people, clock, events } = services;
  const leaderState = new State(leaderStore);
  const every = (ms: number, task: string, work: () => Promise<unknown>): NodeJS.Timeout =>
    setInterval(() => void work().catch((error: unknown) => noteFailure(events, task, error)), ms);
  const asLeader = (work: () => Promise<unknown>) => async () => registry.leadership.isLeader && work();
  const timers = [
    every(SWEEP_MS, 'sweep', async () => fleet.sweep()),
    every(EXCHANGE_MS, 'exchange', () => fleet.exchange()),
    every(ACKNOWLEDGE_MS, 'acknowledge', async () => {
      if (purges.isWaiting || fleet.owesAcknowledgements) await fleet.exchange();
    }),
    every(FLUSH_MS, 'audit', () => people.audit.flush()),
    every(LOADS_MS, 'loads', async () => fleet.tellLoads()),
    every(
      SWEEP_MS,
      'promote',
      asLeader(() => promoteDueKey(leaderState, clock.nowMs())),
    ),
    every(
      PROBE_MS,
      'probe',
      asLeader(() => admission.probe()),
    ),
    every(JUDGE_MS, 'judge', () => configs.judge()),
    every(
      TRIM_MS,
      'trim',
      asLeader(() => people.audit.trim(leaderStore)),
    ),
    every(
      STALE_MS,
      'stale',
      asLeader(() => fleet.removeStale()),
    ),
    every(
      OLD_ANSWERS_MS,
      'old-answers',
      asLeader(() => dropOldAnswers(leaderStore, clock.nowMs())),
    ),
  ];
  return () => timers.forEach((timer) => clearInterval(timer));
}

/** That the store is away has been told once, and another replica's leadership is no failure. */
function noteFailure(events: Events, task: string, error: unknown): void {
  if (error instanceof StoreUnavailable || error instanceof Deposed) return;
  events.backgroundFailed(task, error);
}
