/** Asks each parent every second whether it is ready, so that one that hangs is known before a viewer's request finds out. */

import { HttpClient, HTTP_CLIENT_LIMITS } from './http-client.ts';
import type { Target } from './targets.ts';

const INTERVAL_MS = 1_000;
const DEADLINE_MS = 800;
/** One that is slow once is not gone. */
const FAILURES = 2;

interface ProbeOptions {
  readonly parents: readonly Target[];
  /** what is under way there had better go elsewhere */
  readonly onDown: (parent: Target) => void;
  readonly intervalMs?: number;
}

export function startParentProbes({ parents, onDown, intervalMs = INTERVAL_MS }: ProbeOptions): Disposable {
  const deadlines = { connectMs: DEADLINE_MS, headMs: DEADLINE_MS, stallMs: DEADLINE_MS, totalMs: DEADLINE_MS };
  const client = new HttpClient({ ...HTTP_CLIENT_LIMITS, ...deadlines, connections: 1, queued: 1 });
  const failures = new Map<string, number>();

  function probe(parent: Target): void {
    const request = { method: 'GET', path: '/readyz', fields: [], body: null, isIdempotent: true };
    client.fetch(parent.url, request, {
      onInformation: () => undefined,
      onHead: ({ status }) => {
        failures.set(parent.url, 0);
        parent.health.setReady(status === 200);
      },
      onData: () => true,
      onEnd: () => undefined,
      onError: ({ code }) => {
        if (code === 'aborted') return;
        const count = (failures.get(parent.url) ?? 0) + 1;
        failures.set(parent.url, count);
        if (code !== 'connect' && count < FAILURES) return;
        parent.health.setReady(false);
        onDown(parent);
      },
    });
  }

  const timers = parents.map((parent) => setInterval(() => probe(parent), intervalMs).unref());
  for (const parent of parents) probe(parent);
  return {
    [Symbol.dispose]() {
      for (const timer of timers) clearInterval(timer);
      client.close();
    },
  };
}
