/** Plays many histories in processes of their own, as many at a time as the machine has cores. */

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Layout } from './history.ts';
import { childEnvironment } from '@headwater/test/fleet/config.ts';

/** What one process is to do. */
export interface Assignment {
  readonly seed: number;
  readonly histories: number;
  /** so many at the same time: while one waits for its edge to start the others go on */
  readonly together: number;
  /** all in one layout; null: as the seeds have it */
  readonly layout: Layout | null;
  /** name of the bug that is put in, or null */
  readonly bug: string | null;
  /** it stops after so many */
  readonly failures: number;
  readonly shrinks: boolean;
}

export interface Failure {
  readonly seed: number;
  readonly rule: string;
  /** what broke, and the history that breaks it */
  readonly text: string;
}

export interface Report {
  histories: number;
  requests: number;
  hits: number;
  readonly failures: Failure[];
  cpuMs: number;
}

const PROCESS = join(import.meta.dirname, 'simulate-process.ts');

/**
 * Runs one process to its end.
 * @throws Error with what it wrote when it failed
 */
export async function simulate(assignment: Assignment): Promise<Report> {
  const child = fork(PROCESS, [JSON.stringify(assignment)], {
    env: childEnvironment(),
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let report: Report | null = null;
  let complaint = '';
  child.on('message', (message) => (report = message as Report));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (complaint = (complaint + text).slice(-10_000)));
  const [code] = (await once(child, 'exit')) as [number | null];
  if (report === null) throw new Error(`a simulation ended with ${code}: ${complaint}`);
  return report;
}

/** The histories of a range of seeds, parted among processes. */
export async function simulateAll(all: Assignment, processes: number): Promise<Report> {
  const share = Math.ceil(all.histories / processes);
  const parts = Array.from({ length: processes }, (_, index) => {
    const from = index * share;
    return { ...all, seed: all.seed + from, histories: Math.max(0, Math.min(share, all.histories - from)) };
  });
  const reports = await Promise.all(parts.map((part) => simulate(part)));
  return reports.reduce((sum, one) => ({
    histories: sum.histories + one.histories,
    requests: sum.requests + one.requests,
    hits: sum.hits + one.hits,
    failures: [...sum.failures, ...one.failures],
    cpuMs: sum.cpuMs + one.cpuMs,
  }));
}
