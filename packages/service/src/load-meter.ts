/** How busy this process is, for its heartbeats. */

import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Clock } from './clock.ts';

/** What a process can say of itself; a node's `Load` adds what it serves. */
export interface ProcessLoad {
  /** 0…1 of the cores that it may use, since the reading before */
  readonly cpu: number;
  /** p99 since the reading before */
  readonly loopLagMs: number;
}

const RESOLUTION_MS = 10;

/** Measures between one reading and the next. */
export class LoadMeter implements Disposable {
  readonly #clock: Clock;
  readonly #cores: number;
  readonly #delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  #cpu = process.cpuUsage();
  #atMs: number;

  /** @param cores how many this process can use: 1 for a single event loop */
  constructor(clock: Clock, cores = 1) {
    this.#clock = clock;
    this.#cores = cores;
    this.#atMs = clock.monotonicMs();
    this.#delay.enable();
  }

  /** Reads the meter and starts it anew. */
  read(): ProcessLoad {
    const cpu = process.cpuUsage();
    const atMs = this.#clock.monotonicMs();
    const usedMs = (cpu.user - this.#cpu.user + cpu.system - this.#cpu.system) / 1000;
    const elapsedMs = Math.max(1, atMs - this.#atMs);
    // The histogram counts the timer's own period in.
    const p99Ms = this.#delay.count === 0 ? 0 : this.#delay.percentile(99) / 1e6 - RESOLUTION_MS;
    this.#delay.reset();
    this.#cpu = cpu;
    this.#atMs = atMs;
    return { cpu: Math.min(1, usedMs / elapsedMs / this.#cores), loopLagMs: Math.max(0, p99Ms) };
  }

  [Symbol.dispose](): void {
    this.#delay.disable();
  }
}
