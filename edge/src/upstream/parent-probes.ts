/**
 * Asks each parent every second whether it is ready, so that one that hangs is known before a viewer's request finds out; and
 * at once where what is due from it does not come.
 */

import { HttpClient, HTTP_CLIENT_LIMITS } from './http-client.ts';
import type { Target } from './targets.ts';
import type { UpstreamFetch } from './upstream-handler.ts';

const INTERVAL_MS = 1_000;
const DEADLINE_MS = 800;
/** For one that is silent where it should not be: two things speak against it. */
export const DOUBT_DEADLINE_MS = 400;
/** One that is slow once is not gone. */
const FAILURES = 2;

interface ProbeOptions {
  readonly parents: readonly Target[];
  /** what is under way there had better go elsewhere */
  readonly onDown: (parent: Target) => void;
  readonly intervalMs?: number;
  readonly deadlineMs?: number;
}

export class ParentProbes implements Disposable {
  readonly #client: HttpClient;
  readonly #probes: ReadonlyMap<Target, ParentProbe>;
  readonly #timers: readonly NodeJS.Timeout[];

  constructor({ parents, onDown, intervalMs = INTERVAL_MS, deadlineMs = DEADLINE_MS }: ProbeOptions) {
    const deadlines = { connectMs: deadlineMs, headMs: deadlineMs, stallMs: deadlineMs, totalMs: deadlineMs };
    this.#client = new HttpClient({ ...HTTP_CLIENT_LIMITS, ...deadlines, connections: 1, queued: 1 });
    const probes = parents.map((parent) => [parent, new ParentProbe(parent, this.#client, onDown)] as const);
    this.#probes = new Map(probes);
    this.#timers = probes.map(([, probe]) => setInterval(() => probe.ask(), intervalMs).unref());
    for (const [, probe] of probes) probe.ask();
  }

  /** Something is due from a parent and does not come: it has a moment to say that it is there. */
  doubt(parent: Target): void {
    this.#probes.get(parent)?.doubt();
  }

  [Symbol.dispose](): void {
    for (const timer of this.#timers) clearInterval(timer);
    for (const probe of this.#probes.values()) probe.trust();
    this.#client.close();
  }
}

class ParentProbe {
  readonly #parent: Target;
  readonly #client: HttpClient;
  readonly #onDown: (parent: Target) => void;
  #asked: UpstreamFetch | null = null;
  #doubt: NodeJS.Timeout | null = null;
  #failures = 0;

  constructor(parent: Target, client: HttpClient, onDown: (parent: Target) => void) {
    this.#parent = parent;
    this.#client = client;
    this.#onDown = onDown;
  }

  ask(): void {
    if (this.#asked !== null) return;
    const request = { method: 'GET', path: '/readyz', fields: [], body: null, isIdempotent: true };
    this.#asked = this.#client.fetch(this.#parent.url, request, {
      onInformation: () => undefined,
      onHead: ({ status }) => {
        this.#asked = null;
        this.#failures = 0;
        this.trust();
        this.#parent.health.setReady(status === 200);
      },
      onData: () => true,
      onEnd: () => undefined,
      onError: ({ code }) => {
        this.#asked = null;
        if (code === 'aborted') return;
        this.#failures += 1;
        if (code === 'connect' || this.#failures >= FAILURES || this.#doubt !== null) this.#fall();
      },
    });
  }

  doubt(): void {
    if (this.#doubt !== null) return;
    this.ask();
    // An answer that came while this process was busy lies in its socket: it is read before the verdict.
    this.#doubt = setTimeout(() => setImmediate(() => this.#doubt !== null && this.#convict()), DOUBT_DEADLINE_MS);
    this.#doubt.unref();
  }

  trust(): void {
    if (this.#doubt !== null) clearTimeout(this.#doubt);
    this.#doubt = null;
  }

  #convict(): void {
    this.#asked?.abort();
    this.#fall();
  }

  #fall(): void {
    this.trust();
    this.#parent.health.setReady(false);
    this.#onDown(this.#parent);
  }
}
