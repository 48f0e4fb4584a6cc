/** A process that a test started: its output is kept, its end can be waited for, and it never outlives the test. */

import { spawn, type ChildProcess } from 'node:child_process';
import { until } from './until.ts';

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

interface ChildOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** its own process group, so that {@link Child.signalGroup} reaches what it started */
  readonly group?: boolean;
}

const KEPT_OUTPUT_CHARS = 200_000;
const STOP_DEADLINE_MS = 9_000;

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** One running process. Disposing ends it: SIGTERM, and SIGKILL after a deadline. */
export class Child implements AsyncDisposable {
  readonly name: string;
  readonly #process: ChildProcess;
  readonly #exited: Promise<Exit>;
  #exit: Exit | undefined;
  #output = '';

  constructor(options: ChildOptions) {
    this.name = options.name;
    this.#process = spawn(options.command, options.args, {
      env: options.env,
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: options.group ?? false,
    });
    running.add(this.#process);
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output = (this.#output + text).slice(-KEPT_OUTPUT_CHARS);
      });
    }
    this.#exited = new Promise((resolve) => {
      const settle = (exit: Exit): void => {
        running.delete(this.#process);
        this.#exit = exit;
        resolve(exit);
      };
      this.#process.once('error', (error) => {
        this.#output += `${error.message}\n`;
        settle({ code: null, signal: null });
      });
      this.#process.once('close', (code, signal) => settle({ code, signal }));
    });
  }

  get pid(): number {
    if (this.#process.pid === undefined) throw new Error(`${this.name} did not start: ${this.#output}`);
    return this.#process.pid;
  }

  /** What it wrote to both of its outputs, the newest part. */
  get output(): string {
    return this.#output;
  }

  /** undefined while it runs */
  get exit(): Exit | undefined {
    return this.#exit;
  }

  get exited(): Promise<Exit> {
    return this.#exited;
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** To it and all it started; only with `group`. */
  signalGroup(signal: NodeJS.Signals): void {
    process.kill(-this.pid, signal);
  }

  /**
   * Waits until it has written something.
   * @throws Error when it ends first or the deadline passes; the message carries its output
   */
  async says(pattern: RegExp, deadlineMs: number): Promise<RegExpExecArray> {
    const match = await until(`${this.name} to say ${pattern}`, deadlineMs, () => {
      const found = pattern.exec(this.#output);
      return found ?? (this.#exit === undefined ? null : { gone: true as const });
    }).catch((cause: unknown) => {
      throw new Error(`${this.name} never said ${pattern}:\n${this.#output.slice(-4_000)}`, { cause });
    });
    if ('gone' in match)
      throw new Error(`${this.name} ended before it said ${pattern}:\n${this.#output.slice(-4_000)}`);
    return match;
  }

  /** Ends it at once, as a crash would. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.#exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#exit !== undefined) return;
    this.signal('SIGTERM');
    const timer = setTimeout(() => this.signal('SIGKILL'), STOP_DEADLINE_MS);
    await this.#exited;
    clearTimeout(timer);
  }
}
