/**
 * Asks an origin whose breaker has opened whether it is there again. Any answer will do, as it does for a viewer's request; it
 * closes nothing, but the next request need not wait until the breaker would have let one through.
 */

import { HTTP_CLIENT_LIMITS, HttpClient } from './http-client.ts';
import type { BreakerState } from './target-health.ts';
import type { Target } from './targets.ts';

const INTERVAL_MS = 1_000;
const DEADLINE_MS = 2_000;
/** Who is away for longer is left to viewers' requests; each that fails has it asked anew. */
const ATTEMPTS = 60;
/** So many are asked at a time; others are left to viewers' requests. */
export const PROBED_ORIGINS_LIMIT = 64;

interface ProbeOptions {
  readonly intervalMs?: number;
  readonly attempts?: number;
}

export class OriginProbes implements Disposable {
  readonly #client: HttpClient;
  readonly #intervalMs: number;
  readonly #attempts: number;
  readonly #timers = new Map<Target, NodeJS.Timeout>();

  constructor({ intervalMs = INTERVAL_MS, attempts = ATTEMPTS }: ProbeOptions = {}) {
    const deadlines = { connectMs: DEADLINE_MS, headMs: DEADLINE_MS, stallMs: DEADLINE_MS, totalMs: DEADLINE_MS };
    this.#client = new HttpClient({ ...HTTP_CLIENT_LIMITS, ...deadlines, connections: 1, queued: 1 });
    this.#intervalMs = intervalMs;
    this.#attempts = attempts;
  }

  /** Origins that are being asked. */
  get size(): number {
    return this.#timers.size;
  }

  /** A breaker has changed. */
  note(target: Target, state: BreakerState): void {
    if (target.kind !== 'origin' || state === 'half-open') return;
    if (state === 'closed') this.#leave(target);
    else if (!this.#timers.has(target) && this.#timers.size < PROBED_ORIGINS_LIMIT) this.#plan(target, this.#attempts);
  }

  [Symbol.dispose](): void {
    for (const origin of this.#timers.keys()) this.#leave(origin);
    this.#client.close();
  }

  #plan(origin: Target, left: number): void {
    this.#timers.set(origin, setTimeout(() => this.#ask(origin, left), this.#intervalMs).unref());
  }

  #ask(origin: Target, left: number): void {
    const fields = ['host', new URL(origin.url).host];
    const request = { method: 'HEAD', path: '/', fields, body: null, isIdempotent: true };
    this.#client.fetch(origin.url, request, {
      onInformation: () => undefined,
      onHead: () => {
        this.#leave(origin);
        origin.health.letTry();
      },
      onData: () => true,
      onEnd: () => undefined,
      onError: () => {
        if (!this.#timers.has(origin)) return;
        if (left > 1) this.#plan(origin, left - 1);
        else this.#leave(origin);
      },
    });
  }

  #leave(origin: Target): void {
    clearTimeout(this.#timers.get(origin));
    this.#timers.delete(origin);
  }
}
