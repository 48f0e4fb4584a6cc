/**
 * Delays that grow with failures, for each account and each source. An attempt is charged before it is looked at, so that many
 * at once get no more guesses than one after another. Every delay ends: nobody is locked out for good.
 */

import type { Clock } from '@headwater/service/clock';
import { credentialHash } from '../kept-token.ts';
import { changeDocument } from '../state/change-document.ts';
import type { Document, Store } from '../state/store.ts';

/** Whom failures are counted for; `proof`: what somebody who is logged in shows again. */
export interface Subject {
  readonly kind: 'account' | 'source' | 'proof';
  readonly name: string;
}

export type Charge = { readonly ok: true; readonly failures: number } | { readonly ok: false; readonly waitMs: number };

interface Trouble {
  readonly failures: number;
  readonly lastMs: number;
  /** no attempt before */
  readonly freeAtMs: number;
}

/** Failures before the first delay. */
const FREE: Readonly<Record<Subject['kind'], number>> = { account: 5, source: 20, proof: 5 };
const FIRST_DELAY_MS = 1_000;
const LONGEST_DELAY_MS = 15 * 60_000;
/** Failures are forgotten when none came for so long. */
const FORGET_MS = 60 * 60_000;
const SUBJECT_LIMIT = 10_000;
const TRIES = 16;

export class Throttle {
  readonly #store: Store;
  readonly #clock: Clock;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Counts an attempt as a failure until it is taken back; refuses it while a delay lasts. */
  async charge(subject: Subject): Promise<Charge> {
    const { id } = placeOf(subject);
    const nowMs = Math.floor(this.#clock.nowMs());
    for (let tries = 0; tries < TRIES; tries += 1) {
      const there = await this.#store.get('trouble', id);
      const known = freshOf(there, nowMs);
      if (known !== null && known.freeAtMs > nowMs) return { ok: false, waitMs: known.freeAtMs - nowMs };
      const failures = (known?.failures ?? 0) + 1;
      const body: Trouble = { failures, lastMs: nowMs, freeAtMs: nowMs + delayMs(subject.kind, failures) };
      const change = { collection: 'trouble', id, expect: there?.revision ?? 0, body } as const;
      const room = there === null ? { room: { collection: 'trouble', most: SUBJECT_LIMIT } as const } : {};
      const outcome = await this.#store.commit({ changes: [change], ...room });
      if (outcome === 'done') return { ok: true, failures };
      if (outcome === 'full') await this.#dropOldest();
    }
    // So many at once for one subject are no person.
    return { ok: false, waitMs: FIRST_DELAY_MS };
  }

  /** The attempt was good: this one counts no more, those before it do. */
  async refund(subject: Subject): Promise<void> {
    await changeDocument<Trouble>(this.#store, placeOf(subject), ({ failures, ...rest }) => ({
      body: failures > 1 ? { ...rest, failures: failures - 1, freeAtMs: 0 } : undefined,
    }));
  }

  /** All failures of a subject are forgotten. */
  async forget(subject: Subject): Promise<void> {
    await changeDocument<Trouble>(this.#store, placeOf(subject), () => ({ body: undefined }));
  }

  /** Those whose last failure lies furthest back make room. */
  async #dropOldest(): Promise<void> {
    const lastMs = ({ body }: Document): number => (body as Trouble).lastMs;
    const all = await this.#store.list('trouble');
    const oldest = all.toSorted((a, b) => lastMs(a) - lastMs(b)).slice(0, SUBJECT_LIMIT / 10);
    const changes = oldest.map(
      ({ id, revision }) => ({ collection: 'trouble', id, expect: revision, body: undefined }) as const,
    );
    await this.#store.commit({ changes });
  }
}

/** Whether so many failures are to be told: the first time that a delay follows, and at each doubling. */
export function isAlarming(kind: Subject['kind'], failures: number): boolean {
  const times = failures / FREE[kind];
  return times >= 1 && Number.isInteger(Math.log2(times));
}

function delayMs(kind: Subject['kind'], failures: number): number {
  const beyond = failures - FREE[kind];
  return beyond < 0 ? 0 : Math.min(FIRST_DELAY_MS * 2 ** beyond, LONGEST_DELAY_MS);
}

function freshOf(there: Document | null, nowMs: number): Trouble | null {
  const trouble = (there?.body as Trouble | undefined) ?? null;
  return trouble !== null && nowMs - Math.max(trouble.lastMs, trouble.freeAtMs) < FORGET_MS ? trouble : null;
}

/** What was typed as a name may be a password: only its hash is kept. */
function placeOf({ kind, name }: Subject): { readonly collection: 'trouble'; readonly id: string } {
  return { collection: 'trouble', id: `${kind}:${credentialHash(name)}` };
}
