/** One process that is kept running: started again with back-off whenever it ends, until it is told to stop. */

import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { type BackoffOptions, backoffMs } from '@headwater/service/backoff';
import type { Clock } from '@headwater/service/clock';
import type { Environment } from '@headwater/service/env';
import type { LogFile } from './log-file.ts';

export interface ProcessPlan {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Environment;
}

/** Why a process ended at its very first start: something an operator has to mend, and no restart will. */
export interface StartFailure {
  readonly name: string;
  readonly code: number;
  /** the newest lines that it wrote */
  readonly lines: readonly string[];
}

export interface SupervisedOptions {
  readonly plan: ProcessPlan;
  readonly clock: Clock;
  readonly log: LogFile;
  /** each line that it writes */
  readonly onLine: (line: string) => void;
  readonly onRestart: (ended: string, afterMs: number) => void;
  /** The first process ended by itself before it had started. Without this it is started again as after any other end. */
  readonly onFailedStart?: (failure: StartFailure) => void;
}

/** A first process that ends by itself this early has not started; one that lived longer has crashed. */
const START_MS = 10_000;
/** A process that lived this long starts its successor's back-off anew. */
const STABLE_MS = 30_000;
const BACKOFF: BackoffOptions = { firstMs: 250, maxMs: 10_000, random: Math.random };
/** How one of our processes begins the line that says why it cannot go on. */
export const OWN_LINE = 'headwater: ';
const KEPT_LINES = 20;
const LINE_LIMIT_CHARS = 8_192;

/** Keeps one process running. Disposing ends it: SIGTERM, then SIGKILL at the deadline. */
export class Supervised {
  readonly #options: SupervisedOptions;
  readonly #lines: string[] = [];
  #child: ChildProcess | null = null;
  #ended: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #attempt = 0;
  #first = true;
  #stopping = false;

  constructor(options: SupervisedOptions) {
    this.#options = options;
    this.#start();
  }

  get name(): string {
    return this.#options.plan.name;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Ends the process and resolves when it is gone. */
  async stop(deadlineMs: number): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#timer);
    this.#child?.kill('SIGTERM');
    const timer = setTimeout(() => this.#child?.kill('SIGKILL'), deadlineMs);
    await this.#ended;
    clearTimeout(timer);
  }

  #start(): void {
    const { plan, clock } = this.#options;
    const startedMs = clock.monotonicMs();
    // The channel carries nothing: its closing tells the process that its supervisor is gone.
    const child = spawn(plan.command, plan.args, { env: { ...plan.env }, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
    this.#child = child;
    this.#lines.length = 0;
    this.#ended = this.#live(child, startedMs);
  }

  /** Reads what it writes until it has ended, and decides what then. */
  async #live(child: ChildProcess, startedMs: number): Promise<void> {
    const exit = new Promise<string>((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('exit', (code, signal) => resolve(signal ?? `code ${code}`));
    });
    const [how] = await Promise.all([exit, this.#read(child.stdout), this.#read(child.stderr)]);
    this.#child = null;
    this.#after(how, child, this.#options.clock.monotonicMs() - startedMs);
  }

  #after(how: string, child: ChildProcess, livedMs: number): void {
    if (this.#stopping) return;
    const first = this.#first;
    this.#first = false;
    const { onFailedStart, onRestart } = this.#options;
    if (onFailedStart !== undefined && first && child.signalCode === null && livedMs < START_MS) {
      // Node gives a command that could not be run a negative code; a shell would say 127.
      const code = child.exitCode === null || child.exitCode < 0 ? 127 : child.exitCode;
      onFailedStart({ name: this.name, code, lines: [...this.#lines] });
      return;
    }
    this.#attempt = livedMs >= STABLE_MS ? 0 : this.#attempt + 1;
    const afterMs = backoffMs(this.#attempt, BACKOFF);
    const reason = this.#lines.findLast((line) => line.startsWith(OWN_LINE));
    onRestart(reason === undefined ? how : `${how}: ${reason.slice(OWN_LINE.length)}`, afterMs);
    this.#timer = setTimeout(() => this.#start(), afterMs);
  }

  async #read(stream: Readable | null): Promise<void> {
    let rest = '';
    const decoder = new TextDecoder();
    for await (const chunk of stream ?? []) {
      await this.#options.log.write(chunk as Buffer);
      const lines = (rest + decoder.decode(chunk as Buffer, { stream: true })).split('\n');
      rest = (lines.pop() ?? '').slice(0, LINE_LIMIT_CHARS);
      for (const line of lines) this.#note(line);
    }
    if (rest !== '') this.#note(rest);
  }

  #note(line: string): void {
    const short = line.slice(0, LINE_LIMIT_CHARS);
    this.#lines.push(short);
    if (this.#lines.length > KEPT_LINES) this.#lines.shift();
    this.#options.onLine(short);
  }
}
