/** Questions and answers between two processes over the channel that one was born with, from both ends; sockets go along. */

import type { SendHandle } from 'node:child_process';
import { type Listener, asHandle, fromHandle } from '../workers/listener.ts';

type Said =
  /** comes before what it belongs to */
  | { readonly kind: 'socket' }
  | { readonly kind: 'question'; readonly id: number; readonly name: string; readonly content: unknown }
  | { readonly kind: 'answer'; readonly id: number; readonly content: unknown };

/** What goes over the line, and the sockets with it. */
export interface Parcel {
  readonly content: unknown;
  readonly sockets?: readonly Listener[];
}

interface Ends {
  /** false: nobody is there any more */
  readonly send: (message: Said, handle: SendHandle | undefined) => boolean;
  readonly onQuestion: (name: string, parcel: Required<Parcel>) => Promise<Parcel>;
}

export class Line {
  readonly #ends: Ends;
  readonly #asked = new Map<number, (parcel: Required<Parcel> | null) => void>();
  #sockets: Listener[] = [];
  #questions = 0;
  #isClosed = false;

  constructor(ends: Ends) {
    this.#ends = ends;
  }

  /** @returns null when the other is gone by then */
  ask(name: string, { content, sockets = [] }: Parcel = { content: null }): Promise<Required<Parcel> | null> {
    this.#questions += 1;
    const id = this.#questions;
    return new Promise((resolve) => {
      this.#asked.set(id, resolve);
      if (this.#isClosed || !this.#send({ kind: 'question', id, name, content }, sockets)) this.#settle(id, null);
    });
  }

  /** What the channel brought. */
  take(message: unknown, handle: unknown): void {
    const said = message as Said;
    if (said.kind === 'socket') {
      const listener = fromHandle(handle);
      if (listener !== null) this.#sockets.push(listener);
      return;
    }
    const parcel = { content: said.content, sockets: this.#sockets };
    this.#sockets = [];
    if (said.kind === 'answer') return this.#settle(said.id, parcel);
    void this.#answer(said.id, said.name, parcel);
  }

  async #answer(id: number, name: string, parcel: Required<Parcel>): Promise<void> {
    const { content, sockets = [] } = await this.#ends.onQuestion(name, parcel);
    this.#send({ kind: 'answer', id, content }, sockets);
  }

  /** The other is gone. */
  close(): void {
    this.#isClosed = true;
    for (const id of this.#asked.keys()) this.#settle(id, null);
  }

  #send(message: Said, sockets: readonly Listener[]): boolean {
    for (const socket of sockets) this.#ends.send({ kind: 'socket' }, asHandle(socket));
    return this.#ends.send(message, undefined);
  }

  #settle(id: number, parcel: Required<Parcel> | null): void {
    this.#asked.get(id)?.(parcel);
    this.#asked.delete(id);
  }
}
