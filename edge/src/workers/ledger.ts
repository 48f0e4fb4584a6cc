/** What the workers told of themselves last, and what those counted that are gone: a node's counters never go back. */

import type { Readings } from '../join-fleet.ts';
import { keepCounts, mergeExpositions } from './merge-expositions.ts';
import type { Report, Totals } from './messages.ts';

export class Ledger {
  readonly #workers: number;
  /** by process: one that is replaced counts until it ends, beside the one in its place */
  readonly #latest = new Map<object, Report>();
  #gone: Totals = { sentBytes: 0, answers: 0, failures: 0, metrics: '' };

  /** @param workers how many there are to be */
  constructor(workers: number) {
    this.#workers = workers;
  }

  /** What a worker tells now. */
  note(process: object, report: Report): void {
    this.#latest.set(process, report);
  }

  /** A worker has ended. What it counted since it told of it last is lost. */
  close(process: object): void {
    const last = this.#latest.get(process);
    if (last === undefined) return;
    this.#latest.delete(process);
    const { sentBytes, answers, failures, metrics } = this.#gone;
    this.#gone = {
      sentBytes: sentBytes + last.sentBytes,
      answers: answers + last.answers,
      failures: failures + last.failures,
      metrics: keepCounts([metrics, last.metrics]),
    };
  }

  /** The metrics of all of them, and those of the node's own process. */
  exposition(own: string): string {
    return mergeExpositions([own, this.#gone.metrics, ...this.#all().map(({ metrics }) => metrics)]);
  }

  /** The node's, for its heartbeats: as busy as its workers are on average, as late as the latest of them. */
  get readings(): Readings {
    return {
      busy: () => ({
        cpu: Math.min(1, this.#sum(({ busy }) => busy.cpu) / this.#workers),
        loopLagMs: Math.max(0, ...this.#all().map(({ busy }) => busy.loopLagMs)),
      }),
      connections: () => this.#sum(({ connections }) => connections),
      sentBytes: () => this.#gone.sentBytes + this.#sum(({ sentBytes }) => sentBytes),
      answers: () => this.#gone.answers + this.#sum(({ answers }) => answers),
      failures: () => this.#gone.failures + this.#sum(({ failures }) => failures),
    };
  }

  #all(): Report[] {
    return [...this.#latest.values()];
  }

  #sum(of: (report: Report) => number): number {
    return this.#all().reduce((total, report) => total + of(report), 0);
  }
}
