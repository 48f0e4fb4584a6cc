/**
 * What nodes said of themselves last, to this replica or to another one. Replicas tell each other through the store, about once
 * a second; what is lost is said again.
 */

import { type Heartbeat, IDLE_LOAD, type Load } from '@headwater/protocol/node';
import type { Clock } from '@headwater/service/clock';
import { Hearing } from './hearing.ts';
import type { Store } from './state/store.ts';

/** A node that is silent for longer is not healthy. */
export const LAPSE_MS = 2_500;
const TOPIC = 'heard';
const REPEATED_MS = 1_000;
/** What another replica told and has not renewed for so long is of a replica that is gone. */
const GONE_MS = 60_000;

/** A node's last heartbeat. */
export interface Heard {
  readonly load: Load;
  /** the node itself says that it is leaving */
  readonly leaving: boolean;
  /** what it has acknowledged of the feed */
  readonly cursor: string | null;
  /** wall clock of the replica that heard it */
  readonly atMs: number;
}

/** What a replica tells the others. */
interface Told {
  /** another one each time, so that what was read before is not taken for news */
  readonly turn: string;
  /** with the age of each, since clocks differ */
  readonly nodes: Readonly<Record<string, Heard & { readonly ageMs: number }>>;
}

interface HeardNodesOptions {
  readonly store: Store;
  readonly clock: Clock;
  /** this replica */
  readonly replica: string;
}

export class HeardNodes {
  readonly #options: HeardNodesOptions;
  readonly #here: Hearing;
  readonly #elsewhere: Hearing;
  readonly #heard = new Map<string, Heard>();
  /** those of whom there is something to tell the other replicas, and since when (monotonic) */
  readonly #untold = new Map<string, number>();
  #owesAcknowledgements = false;
  /** of each other replica: what it told last, and when (monotonic) that was new */
  readonly #others = new Map<string, { readonly turn: string; readonly sinceMs: number }>();
  #turns = 0;

  constructor(options: HeardNodesOptions) {
    this.#options = options;
    this.#here = new Hearing(options.clock, LAPSE_MS);
    this.#elsewhere = new Hearing(options.clock, LAPSE_MS);
  }

  of(id: string): Heard | null {
    return this.#heard.get(id) ?? null;
  }

  /** A heartbeat has come in here. */
  note(id: string, { load, cursor, draining }: Heartbeat): void {
    this.#heard.set(id, { load, cursor, leaving: draining, atMs: this.#options.clock.nowMs() });
    this.#here.heard(id);
    this.#untold.set(id, this.#options.clock.monotonicMs());
  }

  /** Its poll of the feed says what it has taken in, before its heartbeat does. */
  acknowledge(id: string, cursor: string): void {
    const { load, leaving } = this.#heard.get(id) ?? { load: IDLE_LOAD, leaving: false };
    this.#heard.set(id, { load, leaving, cursor, atMs: this.#options.clock.nowMs() });
    this.#untold.set(id, this.#options.clock.monotonicMs());
    this.#owesAcknowledgements = true;
  }

  /** A new process of it has said nothing yet, and counts as heard. */
  startAnew(id: string): void {
    this.#heard.delete(id);
    this.#here.heard(id);
  }

  forget(id: string): void {
    this.#here.forget(id);
    this.#elsewhere.forget(id);
    this.#heard.delete(id);
    this.#untold.delete(id);
  }

  /** By any replica. Of one that nothing is known of yet silence begins to count now: it may have joined elsewhere. */
  isHeard(id: string): boolean {
    if (!this.#here.knows(id) && !this.#elsewhere.knows(id)) this.#here.heard(id);
    return this.isHeardHere(id) || this.isHeardElsewhere(id);
  }

  isHeardHere(id: string): boolean {
    return !this.#here.isSilent(id);
  }

  isHeardElsewhere(id: string): boolean {
    return !this.#elsewhere.isSilent(id);
  }

  /** Whether another replica tells what it hears: then its silence on a node is that node's. */
  isTold(replica: string): boolean {
    const sinceMs = this.#others.get(replica)?.sinceMs ?? -Infinity;
    return this.#options.clock.monotonicMs() - sinceMs < LAPSE_MS;
  }

  /** Called a few times a second. */
  sweep(): void {
    this.#here.sweep();
    this.#elsewhere.sweep();
  }

  /** Whether nodes have acknowledged something since the other replicas were told last. */
  get owesAcknowledgements(): boolean {
    return this.#owesAcknowledgements;
  }

  /** Tells the other replicas, and takes in what they tell. Called about once a second, or more often. */
  async exchange(isMember: (id: string) => boolean): Promise<void> {
    const { store, replica } = this.#options;
    await store.share(TOPIC, { [replica]: JSON.stringify(this.#collect()) });
    for (const [name, text] of await store.shared(TOPIC)) {
      if (name !== replica) await this.#takeIn(name, JSON.parse(text) as Told, isMember);
    }
  }

  #collect(): Told {
    const { clock, replica } = this.#options;
    const nowMs = clock.nowMs();
    const nodes = [...this.#untold.keys()].flatMap((id) => {
      const heard = this.#heard.get(id);
      return heard === undefined ? [] : [[id, { ...heard, ageMs: nowMs - heard.atMs }] as const];
    });
    // Each telling replaces the one before, which may not have been read: it says again what is younger than a reader's pause.
    const nowMonotonicMs = clock.monotonicMs();
    for (const [id, sinceMs] of this.#untold) if (nowMonotonicMs - sinceMs >= REPEATED_MS) this.#untold.delete(id);
    this.#owesAcknowledgements = false;
    this.#turns += 1;
    return { turn: `${replica} ${nowMs} ${this.#turns}`, nodes: Object.fromEntries(nodes) };
  }

  async #takeIn(replica: string, { turn, nodes }: Told, isMember: (id: string) => boolean): Promise<void> {
    const { store, clock } = this.#options;
    const nowMs = clock.monotonicMs();
    const known = this.#others.get(replica);
    if (known?.turn === turn) {
      if (nowMs - known.sinceMs < GONE_MS) return;
      this.#others.delete(replica);
      await store.share(TOPIC, { [replica]: null });
      return;
    }
    this.#others.set(replica, { turn, sinceMs: nowMs });
    for (const [id, { ageMs, ...heard }] of Object.entries(nodes)) {
      if (!isMember(id)) continue;
      this.#elsewhere.heard(id, ageMs);
      if (!this.isHeardHere(id) || (this.#heard.get(id)?.atMs ?? 0) < heard.atMs) this.#heard.set(id, heard);
    }
  }
}
