/** One worker, as the node's process sees it: what it is asked, and what becomes of one that does not answer. */

import { type ChildProcess, fork } from 'node:child_process';
import type { FeedPage } from '@headwater/protocol/feed';
import type { Purged } from '../purge.ts';
import { type Listener, asHandle, fromHandle } from './listener.ts';
import type { NamedObject } from './team.ts';
import type { Begin, FromWorker, Report, ToWorker, Used } from './messages.ts';

interface WorkerProcessOptions {
  /** the program, which knows by its argument that it is a worker */
  readonly entry: string;
  readonly begin: Begin;
  /** the socket of the worker that this one replaces; null: it binds one */
  readonly listener: Listener | null;
  readonly onServing: (worker: WorkerProcess) => void;
  /** it wants all to forget objects, and to be told when they have */
  readonly onWish: (worker: WorkerProcess, wish: number, objects: readonly NamedObject[]) => void;
  /** what addresses have there and have sent */
  readonly onUsed: (worker: WorkerProcess, used: Used) => void;
  readonly onEnd: (worker: WorkerProcess, how: string) => void;
}

/** Tells the program that it is a worker. */
export const WORKER_ARGUMENT = 'worker';
/** A worker that answers later hangs: nobody is served by it, and every purge waits for it. */
const ANSWER_MS = 3_000;
/** A worker that does not serve by then never will. */
const START_MS = 15_000;

type Answer = Extract<FromWorker, { question: number }>;
type Question = Extract<ToWorker, { question: number }>;
/** A question before it has its number. */
type Asked<Q = Question> = Q extends Question ? Omit<Q, 'question'> : never;

export class WorkerProcess {
  readonly number: number;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #asked = new Map<number, (answer: Answer | null) => void>();
  #questions = 0;
  #isServing = false;
  #hasEnded = false;
  #onLent: ((listener: Listener | null) => void) | null = null;
  #onRetired: (() => void) | null = null;

  constructor({ entry, begin, listener, onServing, onWish, onUsed, onEnd }: WorkerProcessOptions) {
    this.number = begin.worker;
    // In a group of its own: Ctrl-C is for the node, which then ends its workers in order.
    const child = fork(entry, [WORKER_ARGUMENT], { serialization: 'advanced', detached: true });
    this.#child = child;
    const late = setTimeout(() => this.kill(), START_MS);
    child.on('message', (message, handle) => {
      const said = message as FromWorker;
      if (said.kind === 'lent') return this.#onLent?.(fromHandle(handle));
      if (said.kind === 'retired') return this.#onRetired?.();
      if (said.kind === 'forget') return onWish(this, said.wish, said.objects);
      if (said.kind === 'used') return onUsed(this, said);
      if (said.kind !== 'serves') return this.#hear(said);
      clearTimeout(late);
      this.#isServing = true;
      onServing(this);
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#ended = promise;
    const end = (how: string): void => {
      clearTimeout(late);
      this.#isServing = false;
      this.#hasEnded = true;
      for (const answer of this.#asked.values()) answer(null);
      this.#asked.clear();
      this.#onLent?.(null);
      this.#onRetired?.();
      resolve();
      onEnd(this, how);
    };
    child.once('exit', (code, signal) => end(signal ?? `code ${code}`));
    // A message to one that has just died is answered by its end; a fork that failed has no other.
    child.on('error', (error) => {
      if (child.pid === undefined) end(error.message);
    });
    child.send(begin, asHandle(listener), () => undefined);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  get isServing(): boolean {
    return this.#isServing;
  }

  tell(message: ToWorker): void {
    if (this.#child.connected) this.#child.send(message, () => undefined);
  }

  /** What went by it. Nothing when it is dead by then: so is all that it had. */
  async carryOut(page: FeedPage, isNew: boolean): Promise<readonly Purged[] | null> {
    const answer = await this.#ask({ kind: 'page', page, isNew });
    return answer?.kind === 'carried-out' ? answer.purged : null;
  }

  /** False when it is dead by then. */
  async forget(objects: readonly NamedObject[]): Promise<boolean> {
    return (await this.#ask({ kind: 'forget', objects })) !== null;
  }

  /** Null when it is dead by then. */
  async report(): Promise<Report | null> {
    const answer = await this.#ask({ kind: 'report' });
    return answer?.kind === 'report' ? answer.report : null;
  }

  /** The socket that it listens on; null when it is dead by then. Whoever has it closes it. */
  lend(): Promise<Listener | null> {
    if (this.#hasEnded) return Promise.resolve(null);
    return new Promise((resolve) => {
      const late = setTimeout(() => this.kill(), ANSWER_MS);
      this.#onLent = (listener) => {
        clearTimeout(late);
        this.#onLent = null;
        resolve(listener);
      };
      this.tell({ kind: 'lend' });
    });
  }

  /** Another has its socket: it ends what it has begun, and comes back when nothing is left of that. */
  retire(): Promise<void> {
    if (this.#hasEnded) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onRetired = resolve;
      this.tell({ kind: 'retire' });
    });
  }

  /** Lets it end what it has begun, for so long. */
  async stop(withinMs: number): Promise<void> {
    this.#child.kill('SIGTERM');
    const late = setTimeout(() => this.kill(), withinMs);
    await this.#ended;
    clearTimeout(late);
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  /** One that has not begun to serve answers when it does. */
  #ask(asked: Asked): Promise<Answer | null> {
    this.#questions += 1;
    const question = this.#questions;
    if (!this.#child.connected) return Promise.resolve(null);
    return new Promise((resolve) => {
      const late = setTimeout(() => {
        if (this.#isServing) this.kill();
      }, ANSWER_MS);
      this.#asked.set(question, (answer) => {
        clearTimeout(late);
        resolve(answer);
      });
      this.tell({ ...asked, question });
    });
  }

  #hear(answer: Answer): void {
    this.#asked.get(answer.question)?.(answer);
    this.#asked.delete(answer.question);
  }
}
