/**
 * Where every request for a pull zone's object comes together: what is stored and may be used is handed out at once, and any
 * number of viewers who want what is not share one fetch. What turns out to be one viewer's alone is fetched by each for
 * themselves, and for a while nobody waits for anybody under that key.
 */

import type { ProblemCode } from '@headwater/protocol/problem';
import { LRUCache } from 'lru-cache';
import { valueOf } from '../http-cache/fields.ts';
import type { FieldList } from '../http-cache/fields.ts';
import { freshnessOf } from '../http-cache/freshness.ts';
import { asksAlone, isOnlyIfCached, judgeReuse } from '../http-cache/reuse.ts';
import { policyOf } from '../http-cache/response-policy.ts';
import { STALE_IF_ERROR_STATUSES } from '../http-cache/status.ts';
import { selectVariant, selectingOf, varyOf } from '../http-cache/vary.ts';
import { conditionalFields } from '../http-cache/validation.ts';
import { type Patience, within } from '../patience.ts';
import type { Ask } from './ask.ts';
import { type Candidate, type Hold, letGo } from './candidate.ts';
import type { PurgeMark } from './entry.ts';
import { type Opened, withFirstByte } from './first-byte.ts';
import { type Fetching, type Outcome, fetchObject, refetchOf } from './fetching.ts';
import { type Provenance, hitOf, missOf } from './provenance.ts';
import { type Seen, look } from './seen.ts';

export type Obtained =
  | {
      readonly kind: 'object';
      readonly object: Candidate;
      readonly hold: Hold;
      /** fields of the upstream's answer that are not kept, and are this viewer's alone */
      readonly own: FieldList;
      readonly how: Provenance;
    }
  | (Extract<Outcome, { kind: 'answer' }> & { readonly how: Provenance })
  | { readonly kind: 'failed'; readonly code: ProblemCode; readonly how: Provenance };

/** Gives up what nobody will take. */
export function dismiss(obtained: Obtained | null): void {
  if (obtained?.kind === 'object') letGo(obtained.hold);
  if (obtained?.kind === 'answer') obtained.answer.abort();
}

export interface Wait extends Patience {
  readonly onInformation: (status: number, fields: FieldList) => void;
}

/** Keys under which the last answer was one viewer's alone, and for how long nobody waits there for another's. */
const ALONE_KEYS = 10_000;
const ALONE_MS = 30_000;
/** An answer may turn out to be of no use to a follower; then it asks anew, in the end for itself. */
const TURNS = 3;
/** An upstream that brings nothing whole is not asked for ever. */
const LAST_TURN = TURNS + 2;
const SHARED_ERROR_STATUS = 500;

type Brought = Extract<Outcome, { kind: 'object' }>;

interface Flight {
  /** flights are numbered as they begin */
  readonly number: number;
  readonly outcome: Promise<Outcome>;
  /** nobody joins it after a purge, or once it was invalidated */
  readonly mark: PurgeMark;
}

/** What a flight brought to one of those who waited for it. */
interface Landed {
  /** null: not in time */
  readonly outcome: Outcome | null;
  readonly isFirst: boolean;
  readonly isAlone: boolean;
  /** the flight began after this request came */
  readonly isValidated: boolean;
  readonly wait: Patience;
}

export class ZoneDesk {
  readonly #fetching: Fetching;
  readonly #limit: number;
  readonly #flights = new Map<string, Flight>();
  readonly #alone = new LRUCache<string, number>({ max: ALONE_KEYS });
  #running = 0;
  #begun = 0;

  /** @param limit fetches at once, those that go on without anybody included */
  constructor(fetching: Fetching, limit: number) {
    this.#fetching = fetching;
    this.#limit = limit;
  }

  get running(): number {
    return this.#running;
  }

  /** Why a request goes on that nothing stored answers. */
  async whyForwarded(ask: Ask): Promise<Provenance> {
    return missOf(this.#look(ask, await this.#fetching.shelf.candidates(ask)), false, null);
  }

  /** What is stored and may be used: at once from RAM, later from disk, null when it must be fetched. */
  hit(ask: Ask, patience: Patience): Obtained | null | Promise<Obtained | null> {
    const candidates = this.#fetching.shelf.candidates(ask);
    return candidates instanceof Promise
      ? candidates.then((late) => this.#hitAmong(ask, late, patience))
      : this.#hitAmong(ask, candidates, patience);
  }

  #hitAmong(
    ask: Ask,
    candidates: readonly Candidate[],
    patience: Patience,
  ): Obtained | null | Promise<Obtained | null> {
    const seen = this.#look(ask, candidates);
    const { selected, reuse } = seen;
    if (selected === null || reuse === null || reuse.verdict === 'validate') return null;
    const give = (hold: Opened): Obtained | null => {
      if (hold === null) return null;
      if ('failed' in hold) return { kind: 'failed', code: hold.failed, how: missOf(seen, false, null) };
      if (reuse.verdict === 'serve-and-refresh') this.#refresh(ask, seen);
      return { kind: 'object', object: selected, hold, own: [], how: hitOf(reuse) };
    };
    const hold = this.#open(ask, selected, patience);
    return hold instanceof Promise ? hold.then(give) : give(hold);
  }

  /** The object, or the answer that is this viewer's alone, or why there is neither. */
  async obtain(ask: Ask, wait: Wait): Promise<Obtained> {
    let isAlone = asksAlone(ask.request);
    const begunBefore = this.#begun;
    for (let turn = 0; ; turn += 1) {
      const seen = this.#look(ask, await this.#fetching.shelf.candidates(ask));
      const { selected, reuse } = seen;
      if (selected !== null && reuse !== null && reuse.verdict !== 'validate') {
        const hit = await this.#hitAmong(ask, seen.candidates, wait);
        if (hit !== null) return hit;
        // Not whole any more: it must not be confirmed either.
        await this.#forget(ask, selected);
        if (turn < TURNS) continue;
      }
      if (turn > LAST_TURN) return { kind: 'failed', code: 'upstream_failed', how: missOf(seen, false, null) };
      if (this.isNowhere(ask)) return { kind: 'failed', code: 'not_cached', how: missOf(seen, false, null) };
      isAlone ||= turn >= TURNS || isOnlyIfCached(ask.request) || this.#isAloneKey(ask);
      const joined = this.#join(ask, seen, { isAlone, wait });
      if (joined === null) return { kind: 'failed', code: 'too_many_waiters', how: missOf(seen, false, null) };
      const outcome = await within(joined.flight.outcome, wait);
      if (outcome === null && joined.isFirst) abandon(joined.flight);
      const isValidated = joined.flight.number > begunBefore;
      const obtained = await this.#use(ask, seen, { ...joined, outcome, isAlone, isValidated, wait });
      if (obtained !== 'again') return obtained;
    }
  }

  /** What is stored, for a HEAD whose upstream is in trouble; null where it may not stand in. */
  async standIn(ask: Ask, how: Provenance, wait: Patience): Promise<Obtained | null> {
    return this.#staleInstead(ask, this.#look(ask, await this.#fetching.shelf.candidates(ask)), { how, wait });
  }

  /** What only a cache may answer, when neither this worker nor another of its node could have it (RFC 9111 §5.2.1.7). */
  isNowhere(ask: Ask): boolean {
    return isOnlyIfCached(ask.request) && !this.#fetching.shelf.isElsewhere(ask.key);
  }

  async #use(ask: Ask, seen: Seen, landed: Landed): Promise<Obtained | 'again'> {
    const { outcome, isFirst, isAlone, isValidated, wait } = landed;
    const how = missOf(seen, !isFirst, outcome === null ? null : statusBehind(outcome));
    if (outcome === null || outcome.kind === 'failed') {
      // The worker that might have had it is gone, and nobody else may be asked.
      const code = isOnlyIfCached(ask.request) ? 'not_cached' : (outcome?.code ?? 'upstream_timeout');
      return (await this.#staleInstead(ask, seen, { how, wait })) ?? { kind: 'failed', code, how };
    }
    if (outcome.kind === 'answer') {
      const { status } = outcome.head;
      // The stretch that was asked for is not the viewer's: they ask for theirs.
      if (isFirst && !isAlone && status === 206) {
        outcome.answer.abort();
        return 'again';
      }
      const isError = status >= SHARED_ERROR_STATUS;
      const mayStandIn = STALE_IF_ERROR_STATUSES.has(status);
      const stale = mayStandIn
        ? await this.#staleInstead(ask, seen, { how: { ...how, fwdStatus: status }, wait })
        : null;
      if (isFirst && stale === null) return { ...outcome, how };
      if (isFirst) outcome.answer.abort();
      if (stale !== null) return stale;
      // An upstream in trouble is not asked once more by each of a thousand.
      return isError ? { kind: 'failed', code: 'upstream_failed', how } : 'again';
    }
    const { object } = outcome;
    if (!isFirst && !this.#mayShare(ask, outcome, isValidated)) return 'again';
    const hold = await this.#open(ask, object, wait);
    if (hold !== null && 'failed' in hold) return { kind: 'failed', code: hold.failed, how };
    // What a 304 confirmed may have been purged meanwhile, and then is asked for as if it had never been there.
    if (hold === null) {
      await this.#forget(ask, object);
      return isFirst && object.variant === null ? { kind: 'failed', code: 'upstream_failed', how } : 'again';
    }
    // It may have been in other caches on its way here.
    const { ageS } = freshnessOf(object.head, this.#fetching.clock.nowMs());
    return { kind: 'object', object, hold, own: isFirst ? outcome.own : [], how: { ...how, isStored: true, ageS } };
  }

  /**
   * RFC 9111 §4: one answer is for several requests where each may use it. What must be validated is by a flight that began
   * after the request came, and that the origin confirmed it for, or gave to many.
   */
  #mayShare(ask: Ask, { object, status }: Brought, isValidated: boolean): boolean {
    if (selectVariant([object], ask.request) === undefined) return false;
    if (isValidated && (status === 304 || policyOf(object.head).isForMany)) return true;
    return judgeReuse(ask.request, object.head, this.#fetching.clock.nowMs()).verdict !== 'validate';
  }

  /** RFC 5861 §4 and RFC 9111 §4.2.4: what is stale may stand in for an upstream that does not answer. */
  async #staleInstead(
    ask: Ask,
    { selected, reuse }: Seen,
    { how, wait }: { readonly how: Provenance; readonly wait: Patience },
  ): Promise<Obtained | null> {
    if (selected === null || reuse === null || !reuse.onErrorServe || isOnlyIfCached(ask.request)) return null;
    const hold = await this.#open(ask, selected, wait);
    if (hold === null || 'failed' in hold) return null;
    return {
      kind: 'object',
      object: selected,
      hold,
      own: [],
      how: { ...how, isStale: true, ageS: reuse.ageS, ttlS: reuse.ttlS },
    };
  }

  #look(ask: Ask, candidates: readonly Candidate[]): Seen {
    return look(ask, candidates, this.#fetching.clock.nowMs());
  }

  #open(ask: Ask, candidate: Candidate, patience: Patience): Opened | Promise<Opened> {
    const lengthBytes = candidate.variant?.lengthBytes ?? null;
    const refetch = lengthBytes === null ? null : refetchOf(this.#fetching, ask, candidate.head, lengthBytes);
    const made = (hold: Hold | null): Opened | Promise<Opened> =>
      hold === null ? null : withFirstByte(hold, { request: ask.request, head: candidate.head }, patience);
    const hold = this.#fetching.shelf.open(ask, candidate, refetch);
    return hold instanceof Promise ? hold.then(made) : made(hold);
  }

  async #forget(ask: Ask, { variant }: Candidate): Promise<void> {
    if (variant !== null) await this.#fetching.shelf.forget(ask, variant);
  }

  #refresh(ask: Ask, seen: Seen): void {
    const wait = { withinMs: 0, onInformation: () => undefined };
    // A HEAD is answered by what a GET brought.
    const get = { ...ask, request: { ...ask.request, method: 'GET' } };
    const flight = this.#join(get, seen, { isAlone: false, wait });
    if (flight?.isFirst === true) abandon(flight.flight);
  }

  #join(
    ask: Ask,
    seen: Seen,
    { isAlone, wait }: { readonly isAlone: boolean; readonly wait: Wait },
  ): { readonly flight: Flight; readonly isFirst: boolean } | null {
    const name = flightName(ask, seen);
    const running = isAlone ? undefined : this.#flights.get(name);
    if (running !== undefined && this.#fetching.shelf.isCurrent(running.mark))
      return { flight: running, isFirst: false };
    if (this.#running >= this.#limit) return null;
    this.#running += 1;
    const { selected, reuse } = seen;
    const stale = selected === null || selected.variant === null ? null : selected;
    const mayStandIn = stale !== null && reuse?.onErrorServe === true;
    const { shelf } = this.#fetching;
    const mark = shelf.openQuestion(ask);
    const question = { stale, mayStandIn, isAlone, purge: mark, onInformation: wait.onInformation };
    const outcome = fetchObject(this.#fetching, ask, question).catch((error: unknown): Outcome => {
      this.#fetching.onThrown(ask.key, error);
      return { kind: 'failed', code: 'internal' };
    });
    const landed = outcome.finally(() => {
      shelf.closeQuestion(ask, mark);
      this.#land(name, flight);
    });
    const flight: Flight = { number: (this.#begun += 1), mark, outcome: landed };
    if (!isAlone) this.#flights.set(name, flight);
    if (!isAlone) void outcome.then((known) => this.#remember(ask.key, known));
    return { flight, isFirst: true };
  }

  #land(name: string, flight: Flight): void {
    this.#running -= 1;
    if (this.#flights.get(name) === flight) this.#flights.delete(name);
  }

  #remember(key: string, outcome: Outcome): void {
    const remember = (name: string): unknown => this.#alone.set(name, this.#fetching.clock.monotonicMs() + ALONE_MS);
    if (outcome.kind === 'object') {
      if (isForOne(outcome)) remember(key);
      else for (const name of [key, partsOf(key)]) this.#alone.delete(name);
    }
    // An error is about this request: a bad range must not take everybody's fetch apart.
    if (outcome.kind !== 'answer' || outcome.head.status >= 400) return;
    // A part that may not be stored says nothing of the whole.
    remember(outcome.head.status === 206 ? partsOf(key) : key);
  }

  #isAloneKey({ key, request }: Ask): boolean {
    const isAlone = (name: string): boolean => (this.#alone.get(name) ?? 0) > this.#fetching.clock.monotonicMs();
    return isAlone(key) || (valueOf(request.fields, 'range') !== undefined && isAlone(partsOf(key)));
  }
}

/** Under which it is remembered that parts of an object are one viewer's alone. */
function partsOf(key: string): string {
  return `${key}\nparts`;
}

/** What nobody else can use: it must be validated, and has nothing by which it can be. */
function isForOne({ object: { head } }: Brought): boolean {
  return !policyOf(head).isForMany && conditionalFields([head]).length === 0;
}

/** Nobody will take an answer that turns out to be for one viewer alone. */
function abandon({ outcome }: Flight): void {
  void (async () => {
    const late = await outcome;
    if (late.kind === 'answer') late.answer.abort();
  })();
}

/** Fetches of one key go apart where it is known by which request fields its responses differ. */
function flightName(ask: Ask, { candidates }: Seen): string {
  const names = candidates[0] === undefined ? [] : varyOf(candidates[0].head.fields);
  return names === '*' || names.length === 0
    ? ask.key
    : `${ask.key}\n${JSON.stringify(selectingOf(ask.request, names))}`;
}

/** What the upstream said, where it is not what the viewer is told. */
function statusBehind(outcome: Outcome): number | null {
  switch (outcome.kind) {
    case 'object':
      return outcome.status === outcome.object.head.status ? null : outcome.status;
    case 'answer':
    case 'failed':
      return null;
  }
}
