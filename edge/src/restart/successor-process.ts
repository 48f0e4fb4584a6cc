/** A later generation of the edge, as the process sees it that started first. */

import { type ChildProcess, fork } from 'node:child_process';
import type { Purged } from '../purge.ts';
import type { News, TellOthers } from './crew.ts';
import type { Estate } from './estate.ts';
import { pack, unpack } from './estate-parcel.ts';
import { Line, type Parcel } from './line.ts';
import type { Member } from './member.ts';

/** Tells the program that it is a successor. */
export const SUCCESSOR_ARGUMENT = 'successor';
/** What the two processes say to each other; changed when one of another number would not understand it. */
export const LINE_VERSION = 1;
/** It has read its configuration by then, or serves by then. Workers have fifteen seconds of their own. */
const START_MS = 30_000;
/** One that answers later hangs. The first answer of one that starts comes when it serves. */
const ANSWER_MS = START_MS + 5_000;
/** It gives up after eight seconds itself, and so does the process that waits for it. */
const STOP_MS = 7_500;

export class SuccessorProcess implements Member {
  readonly #child: ChildProcess;
  readonly #line: Line;
  readonly #ended: Promise<string>;
  readonly #prepared = Promise.withResolvers<boolean>();
  readonly #serves = Promise.withResolvers<boolean>();
  /** Answers its first question. Nothing here keeps the estate: its sockets lead to all that their owner has cached. */
  #give: ((estate: Estate) => void) | null = null;
  #isServing = false;
  #complaint = '';

  /** @param entry the program, which knows by its argument what it is */
  constructor(entry: string, tellOthers: (from: SuccessorProcess, news: News) => ReturnType<TellOthers>) {
    // In a group of its own: Ctrl-C is for the one that started first, which then ends this one in order.
    const child = fork(entry, [SUCCESSOR_ARGUMENT], { serialization: 'advanced', detached: true });
    this.#child = child;
    const late = setTimeout(() => this.#giveUp('it did not start in time'), START_MS);
    this.#line = new Line({
      send: (message, handle) => child.connected && (child.send(message, handle, () => undefined), true),
      onQuestion: async (name, { content }): Promise<Parcel> => {
        switch (name) {
          case 'inherit': {
            if (content !== LINE_VERSION) {
              this.#giveUp('it is too far from the program that runs: start the edge anew');
              return { content: null };
            }
            const given = new Promise<Estate>((resolve) => (this.#give = resolve));
            this.#prepared.resolve(true);
            return pack(await given);
          }
          case 'serves':
            clearTimeout(late);
            this.#isServing = true;
            this.#serves.resolve(true);
            return { content: null };
          case 'complain':
            this.#complaint = String(content);
            return { content: null };
          case 'tell':
            return { content: await tellOthers(this, content as News) };
          default:
            return { content: null };
        }
      },
    });
    child.on('message', (message, handle) => this.#line.take(message, handle));
    this.#ended = new Promise((resolve) => {
      const end = (how: string): void => {
        clearTimeout(late);
        this.#line.close();
        this.#prepared.resolve(false);
        this.#serves.resolve(false);
        resolve(this.#complaint === '' ? how : this.#complaint);
      };
      child.once('exit', (code, signal) => end(signal ?? `code ${code}`));
      child.on('error', (error) => {
        if (child.pid === undefined) end(error.message);
      });
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Why it ended. */
  get ended(): Promise<string> {
    return this.#ended;
  }

  /** Whether it has read its configuration and could start; comes back when that is known. */
  get prepared(): Promise<boolean> {
    return this.#prepared.promise;
  }

  /** @returns whether it came to serve */
  inherit(estate: Estate): Promise<boolean> {
    this.#give?.(estate);
    this.#give = null;
    return this.#serves.promise;
  }

  async take(news: News): Promise<readonly Purged[]> {
    return ((await this.#ask('take', news)) ?? []) as readonly Purged[];
  }

  async lend(): Promise<Estate | null> {
    const parcel = await this.#within('lend', this.#line.ask('lend'));
    return parcel === null ? null : unpack(parcel);
  }

  async keepOn(): Promise<void> {
    await this.#ask('keep-on');
  }

  async enter(): Promise<void> {
    await this.#ask('enter');
  }

  async leave(): Promise<void> {
    await this.#ask('leave');
  }

  /** Takes as long as its viewers do. */
  async retire(): Promise<void> {
    await this.#line.ask('retire');
  }

  async counts(): Promise<string | null> {
    return (await this.#ask('counts')) as string | null;
  }

  async noteCountsBefore(counts: string): Promise<void> {
    await this.#ask('counts-before', counts);
  }

  /** Ends it, and what it has begun within moments. One that does not serve yet has begun nothing. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill(this.#isServing ? 'SIGTERM' : 'SIGKILL');
    const late = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS);
    await this.#ended;
    clearTimeout(late);
  }

  async #ask(name: string, content: unknown = null): Promise<unknown> {
    return (await this.#within(name, this.#line.ask(name, { content })))?.content ?? null;
  }

  async #within<T>(name: string, answer: Promise<T>): Promise<T> {
    const late = setTimeout(() => this.#giveUp(`it did not answer: ${name}`), ANSWER_MS);
    const given = await answer;
    clearTimeout(late);
    return given;
  }

  #giveUp(complaint: string): void {
    this.#complaint ||= complaint;
    this.#child.kill('SIGKILL');
  }
}
