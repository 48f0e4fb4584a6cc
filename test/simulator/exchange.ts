/** What the origin saw and did, and what viewers asked and got: the two logs that a history leaves. */

import type { Layout, MemberStep, Representation, RequestSpec } from './history.ts';

/** Field values by lower-case name; fields of one name are joined by commas. */
export type FieldMap = ReadonlyMap<string, string>;

/**
 * Numbers the events of a history in the order in which they happened. Origin, viewers and orders are all in one process, so
 * that an event that can have caused another has the smaller number.
 */
export class Sequence {
  #last = 0;

  next(): number {
    this.#last += 1;
    return this.#last;
  }
}

/** One request at the origin. Unless said otherwise a time is the history's clock, and an order a {@link Sequence} number. */
export interface Exchange {
  readonly serial: number;
  readonly place: string;
  readonly method: string;
  readonly request: FieldMap;
  readonly beganOrder: number;
  readonly beganMs: number;
  /** null until the head is sent */
  headOrder: number | null;
  headMs: number | null;
  endOrder: number | null;
  status: number;
  fields: FieldMap;
  /** what the origin held when it answered */
  version: number;
  variant: string;
  /** null: a failure of the script's, or the answer to an unsafe method */
  representation: Representation | null;
  /** which of the body's bytes were handed to the connection: from, to (exclusive) */
  sentFrom: number;
  sentTo: number;
  ended: 'open' | 'complete' | 'died' | 'left';
}

/** One request of a viewer and what became of it. */
export interface Asked {
  readonly step: number;
  readonly request: RequestSpec;
  readonly place: string;
  readonly fields: FieldMap;
  readonly startOrder: number;
  readonly startMs: number;
  endOrder: number;
  endMs: number;
  /** 0: no head came */
  status: number;
  answer: FieldMap;
  trailers: FieldMap;
  body: Buffer;
  /** the message ended as its framing says */
  isComplete: boolean;
  /** it left itself */
  hasLeft: boolean;
  /** statuses of 1xx that came before */
  information: number[];
  /** true: nothing happened for so long that the simulator gave up */
  hasHung: boolean;
}

/** A purge, or an invalidation by an unsafe method. */
export interface Ordered {
  /** when it was given: what is asked of the origin from then on may stand after it */
  readonly fromOrder: number;
  /** when it had been carried out: what is asked of the edge from then on does */
  readonly order: number;
  readonly atMs: number;
  readonly soft: boolean;
  readonly matches: (exchange: Exchange) => boolean;
}

/** Something that happened to a parent or a worker: when it began, and when it was done. */
export interface Happening extends MemberStep {
  readonly order: number;
  readonly upOrder: number;
}

/** All that the model looks at. */
export interface Transcript {
  readonly layout: Layout;
  readonly exchanges: readonly Exchange[];
  readonly asked: readonly Asked[];
  readonly purges: readonly Ordered[];
  /** sequence numbers of the edge's restarts: when it was told to stop, and when the next one listened */
  readonly restarts: readonly { readonly order: number; readonly upOrder: number }[];
  readonly members: readonly Happening[];
}
