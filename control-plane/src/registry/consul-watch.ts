/**
 * Follows an answer of Consul by blocking queries. The client's own watch moves on before its listener has taken the answer in,
 * ends for good at a status 400, and lets the client's deadline cut its queries short; hence this one.
 */

import { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs } from '@headwater/service/backoff';

/** One query of the client's: what it takes to block, and to be given up. */
interface BlockingQuery {
  readonly index: string;
  readonly wait: string;
  readonly timeout: number;
  readonly ctx: EventEmitter;
}

interface ConsulWatchOptions {
  readonly ask: (query: BlockingQuery) => Promise<unknown>;
  /** Takes an answer in; the same may come twice, and one that it threw at comes again. */
  readonly take: (answer: unknown) => void;
  readonly onFailure: (error: unknown) => void;
}

const WAIT_MS = 10_000;
/** Consul adds up to a sixteenth to the wait. */
const DEADLINE_MS = WAIT_MS + WAIT_MS / 16 + 1_000;
/** When a whole fleet changes at once, some of it comes with each answer. */
const LEAST_GAP_MS = 150;
const RETRY = { firstMs: 100, maxMs: 1_000, random: Math.random } as const;
const START = 0n;

export class ConsulWatch {
  readonly #options: ConsulWatchOptions;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #index = START;

  constructor(options: ConsulWatchOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  async end(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    for (let failures = 0; !this.#stop.signal.aborted;) {
      try {
        await this.#turn();
        failures = 0;
        await this.#pause(LEAST_GAP_MS);
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        this.#options.onFailure(error);
        // Indexes of a server that came back without its data are lower: a query from the old one would wait for nothing.
        this.#index = START;
        await this.#pause(backoffMs(failures, RETRY));
        failures += 1;
      }
    }
  }

  async #turn(): Promise<void> {
    const ctx = Object.assign(new EventEmitter(), { includeResponse: true });
    const cancel = (): void => void ctx.emit('cancel');
    this.#stop.signal.addEventListener('abort', cancel, { once: true });
    try {
      const query = { index: String(this.#index), wait: `${WAIT_MS}ms`, timeout: DEADLINE_MS, ctx };
      const [response, answer] = (await this.#options.ask(query)) as [IncomingMessage, unknown];
      const index = BigInt(String(response.headers['x-consul-index'] ?? 0));
      if (index === START) throw new Error('Consul gave no index to wait from');
      if (index !== this.#index) this.#options.take(answer);
      // It went back: Consul advises to start anew.
      this.#index = index < this.#index ? START : index;
    } finally {
      this.#stop.signal.removeEventListener('abort', cancel);
    }
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#stop.signal }).catch(() => undefined);
  }
}
