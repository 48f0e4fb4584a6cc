/** One question to an upstream for an object of a pull zone, up to the head of its answer, and what that head means. */

import type { ProblemCode } from '@headwater/protocol/problem';
import type { Clock } from '@headwater/service/clock';
import { type FieldList, endToEnd, membersOf, valueOf, without } from '../http-cache/fields.ts';
import { parseContentRange } from '../http-cache/ranges.ts';
import { STALE_IF_ERROR_STATUSES } from '../http-cache/status.ts';
import { judgeStorage } from '../http-cache/storable.ts';
import { ownFields } from '../http-cache/own-fields.ts';
import { type StoredHead, storedHead } from '../http-cache/stored-head.ts';
import { isWeakTag } from '../http-cache/entity-tag.ts';
import { CONDITIONAL_FIELDS, conditionalFields, freshen } from '../http-cache/validation.ts';
import type { UpstreamRequest } from '../upstream/upstream-client.ts';
import type { UpstreamFetch, UpstreamHandler, UpstreamHead } from '../upstream/upstream-handler.ts';
import { Answer } from './answer.ts';
import type { Ask } from './ask.ts';
import { askedRange } from './asked-range.ts';
import type { Body } from './body.ts';
import type { Candidate } from './candidate.ts';
import { SLICE_BYTES } from '../tiers/tier-entry.ts';
import type { PurgeMark } from './entry.ts';
import { type Continuation, PLAIN_RUN, type RunOptions, startRun } from './run.ts';
import type { Growing, NewObject, Refetch, Shelf } from './shelf.ts';
import { tagsOf } from './tags.ts';
import { codeOfUpstream } from './upstream-code.ts';
import type { Widening } from './widening.ts';

/** Asks origins and parents. */
export interface Upstream {
  fetch(request: UpstreamRequest, handler: UpstreamHandler): UpstreamFetch;
}

/** What fetching needs. */
export interface Fetching {
  readonly upstream: Upstream;
  readonly shelf: Shelf;
  readonly clock: Clock;
  readonly random: () => number;
  readonly widening: Widening;
  /** an object of which no more is known than that it is longer is not stored, unless its ranges can be fetched */
  readonly objectLimitBytes: number;
  readonly onFetch: () => void;
  readonly onResumed: () => void;
  readonly onThrown: (key: string, error: unknown) => void;
}

export type Outcome =
  /** everybody who waited may have it */
  | {
      readonly kind: 'object';
      readonly object: Candidate;
      readonly status: number;
      /** what of the answer is not kept, and is for the one alone who asked */
      readonly own: FieldList;
    }
  /** not to be stored: it is the asker's alone */
  | { readonly kind: 'answer'; readonly answer: Answer; readonly head: UpstreamHead; readonly run: RunOptions }
  | { readonly kind: 'failed'; readonly code: ProblemCode };

export interface Question {
  /** what is stored and is to be confirmed */
  readonly stale: Candidate | null;
  /** that is to be answered with if the upstream is in trouble, whose word of that is not stored in its place */
  readonly mayStandIn: boolean;
  /** where what it brings will stand among the purges */
  readonly purge: PurgeMark;
  /** asks as the viewer did, conditions and ranges included: the answer is for nobody else */
  readonly isAlone: boolean;
  readonly onInformation: (status: number, fields: FieldList) => void;
}

/** What a viewer says of their own copy and wish, and an upstream is asked anew. */
export const CONDITIONS_AND_RANGE: ReadonlySet<string> = new Set([...CONDITIONAL_FIELDS, 'range']);
/** A stretch that is fetched again is no longer, so that a viewer who leaves has not had a whole film fetched. */
const REFETCH_BYTES = 8 * SLICE_BYTES;

/** Asks, and judges the answer. What may be stored begins to grow. */
export async function fetchObject(fetching: Fetching, ask: Ask, question: Question): Promise<Outcome> {
  let outcome = await askAndJudge(fetching, ask, question);
  // The upstream confirms something else than what was asked about, or what it now keeps from others: it is asked without a
  // condition.
  if (outcome === 'unlike') outcome = await askAndJudge(fetching, ask, { ...question, stale: null });
  if (outcome === 'unlike') return { kind: 'failed', code: 'upstream_failed' };
  if (question.isAlone || !isBeyond(ask, outcome)) return outcome;
  outcome.answer.abort();
  const fields = without(ask.request.fields, CONDITIONS_AND_RANGE);
  return fetchObject(fetching, { ...ask, request: { ...ask.request, fields } }, { ...question, stale: null });
}

/**
 * Whether the range of a viewer who has an If-Range is beyond the end. What there is now is shorter than what they have of it,
 * so it is another version, and they want the whole of it (RFC 9110 §13.1.5).
 */
function isBeyond({ request }: Ask, outcome: Outcome): outcome is Extract<Outcome, { kind: 'answer' }> {
  return outcome.kind === 'answer' && outcome.head.status === 416 && valueOf(request.fields, 'if-range') !== undefined;
}

async function askAndJudge(
  fetching: Fetching,
  ask: Ask,
  { stale, mayStandIn, isAlone, purge, onInformation }: Question,
): Promise<Outcome | 'unlike'> {
  const { shelf, clock } = fetching;
  const requestMs = clock.nowMs();
  const plain = without(ask.request.fields, CONDITIONS_AND_RANGE);
  const range = stale === null && !isAlone ? rangeFor(fetching, ask) : null;
  const added = stale === null ? rangeFields(range) : conditionalFields([stale.head]);
  const fields = isAlone ? ask.request.fields : [...plain, ...added];
  const answer = send(fetching, ask, { fields, onInformation });
  const head = await answer.head;
  if ('code' in head) return { kind: 'failed', code: codeOfUpstream(head) };
  const times = { requestMs, responseMs: clock.nowMs() };
  const response = { status: head.status, fields: endToEnd(head.fields) };
  if (response.status === 304 && !isConditional(fields)) {
    discard(answer);
    return { kind: 'failed', code: 'upstream_failed' };
  }
  if (response.status === 304 && stale !== null && stale.variant !== null && !isAlone) {
    discard(answer);
    const confirmed = freshen(stale.head, { fields: head.fields, isOnlyCandidate: true }, times);
    if (confirmed === null) return 'unlike';
    if (!judgeStorage(ask.request, confirmed, times.responseMs).store) {
      await shelf.forget(ask, stale.variant);
      return 'unlike';
    }
    const tags = tagsOf(ask.zone.name, confirmed.fields);
    const variant = { ...stale.variant, head: confirmed, tags, purge };
    await shelf.confirm(ask, variant);
    const own = ownFields({ status: confirmed.status, fields: head.fields }, times.responseMs);
    return { kind: 'object', object: { ...stale, head: confirmed, tags, purge, variant }, status: 304, own };
  }
  const passed = { kind: 'answer', answer, head, run: runOf(fetching, ask, head) } as const;
  if (mayStandIn && STALE_IF_ERROR_STATUSES.has(response.status)) return passed;
  const object = await newObject(fetching, ask, { response, times, isAlone, purge });
  if (object === null) {
    // What was stored is over, though what took its place is not stored.
    const before = stale?.variant ?? null;
    if (before !== null && !isAlone && response.status < 400) await shelf.forget(ask, before);
    return passed;
  }
  const growing = shelf.grow(ask, object);
  void bringIn(fetching, ask, { object, growing, answer });
  const own = ownFields(head, times.responseMs);
  return { kind: 'object', object: growing, status: response.status, own };
}

/** How stretches of a stored object are fetched again; null where its validator does not show that bytes belong together. */
export function refetchOf(fetching: Fetching, ask: Ask, head: StoredHead, lengthBytes: number): Refetch | null {
  // Errors have no ranges (RFC 9110 §14.2).
  if (head.status !== 200 || strongTagOf(head.fields) === null) return null;
  return (body, { first, end }) => {
    const isWidened = fetching.widening.admit(ask.zone, end - first);
    const from = isWidened ? Math.floor(first / SLICE_BYTES) * SLICE_BYTES : first;
    const widenedEnd = Math.ceil(Math.min(end, from + REFETCH_BYTES) / SLICE_BYTES) * SLICE_BYTES;
    const to = isWidened ? Math.min(widenedEnd, lengthBytes) : end;
    void bringAgain(fetching, ask, body, {
      first: from,
      end: to,
      reopen: (fromByte) => goOn(fetching, ask, { head, lengthBytes, fromByte, end: to }),
      random: fetching.random,
      onResumed: fetching.onResumed,
    });
  };
}

/** What has become another version is not used any more: of those who ask from now on nobody is cut off for it. */
async function bringAgain(fetching: Fetching, ask: Ask, body: Body, options: RunOptions): Promise<void> {
  if ((await startRun(body, null, options)) === 'changed') await fetching.shelf.forget(ask, body);
}

interface Arrived {
  readonly response: { readonly status: number; readonly fields: FieldList };
  readonly times: { readonly requestMs: number; readonly responseMs: number };
  readonly isAlone: boolean;
  readonly purge: NewObject['purge'];
}

type Placed = NewObject & { readonly first: number; readonly end: number | null };

/** What an answer brings that may be stored, and which bytes of it; null when it may not. */
async function newObject(fetching: Fetching, ask: Ask, arrived: Arrived): Promise<Placed | null> {
  const { response, times, isAlone, purge } = arrived;
  const { status, fields } = response;
  if (status === 304 || (isAlone && status === 206)) return null;
  const verdict = judgeStorage(ask.request, response, times.responseMs);
  if (!verdict.store) return null;
  const tags = tagsOf(ask.zone.name, fields);
  const head = storedHead(ask.request, response, times);
  if (status === 206) return partOf(fetching, ask, { head, tags, purge });
  const lengthBytes = lengthOf(response);
  const refetch = lengthBytes === null ? null : refetchOf(fetching, ask, head, lengthBytes);
  if (lengthBytes !== null && lengthBytes > fetching.objectLimitBytes && refetch === null) return null;
  const hasRanges = membersOf((valueOf(fields, 'accept-ranges') ?? '').toLowerCase()).includes('bytes');
  return { id: null, head, tags, purge, lengthBytes, refetch, hasRanges, first: 0, end: lengthBytes };
}

/**
 * A part (RFC 9111 §3.3): stored under the head of the whole, and with what is stored of the same bytes (§3.4). Without a strong
 * validator it is stored only where it is all there is (decision 26).
 */
async function partOf(
  fetching: Fetching,
  ask: Ask,
  { head, tags, purge }: Pick<NewObject, 'head' | 'tags' | 'purge'>,
): Promise<Placed | null> {
  const range = parseContentRange(valueOf(head.fields, 'content-range') ?? '');
  const tag = strongTagOf(head.fields);
  if (range?.kind !== 'range' || range.completeBytes === null) return null;
  const { firstByte, lastByte, completeBytes } = range;
  const isAll = firstByte === 0 && lastByte === completeBytes - 1 && completeBytes <= fetching.objectLimitBytes;
  if (tag === null && !isAll) return null;
  const fields = [...without(head.fields, PART_FIELDS), 'Content-Length', String(completeBytes)];
  const whole: StoredHead = { ...head, status: 200, fields };
  const candidates = await fetching.shelf.candidates(ask);
  const same = candidates.find(
    ({ variant }) => tag !== null && variant?.lengthBytes === completeBytes && strongTagOf(variant.head.fields) === tag,
  );
  return {
    id: same?.variant?.id ?? null,
    head: whole,
    tags,
    purge,
    lengthBytes: completeBytes,
    refetch: refetchOf(fetching, ask, whole, completeBytes),
    hasRanges: true,
    first: firstByte,
    end: lastByte + 1,
  };
}

const PART_FIELDS = new Set(['content-range', 'content-length']);

/** Follows a growing object to the end of its first run. */
async function bringIn(
  fetching: Fetching,
  ask: Ask,
  { object, growing, answer }: { readonly object: Placed; readonly growing: Growing; readonly answer: Answer },
): Promise<void> {
  const { first, end, head, lengthBytes, refetch } = object;
  const { body } = growing;
  body.hold();
  setImmediate(() => body.awaited());
  const ended = await startRun(body, answer, {
    first,
    end,
    reopen:
      refetch === null || lengthBytes === null || end === null
        ? null
        : (fromByte) => goOn(fetching, ask, { head, lengthBytes, fromByte, end }),
    random: fetching.random,
    onResumed: fetching.onResumed,
  });
  await fetching.shelf.settle(ask, growing, {
    request: ask.request,
    isWhole: ended === 'whole' || (ended !== 'changed' && refetch !== null),
  });
  // Whoever waited for this head is told of it in the same turn, and has its place among the readers by then.
  setImmediate(() => body.release());
}

/** How an answer that is handed on comes in: where its validator shows what belongs to it, it is taken up when it breaks off. */
function runOf(fetching: Fetching, ask: Ask, head: UpstreamHead): RunOptions {
  const { random, onResumed } = fetching;
  const range = head.status === 206 ? parseContentRange(valueOf(head.fields, 'content-range') ?? '') : null;
  const lengthBytes = range === null ? lengthOf(head) : range.completeBytes;
  const isPlain = head.status !== 200 && range?.kind !== 'range';
  if (isPlain || lengthBytes === null || strongTagOf(head.fields) === null) return PLAIN_RUN;
  const [first, end] = range?.kind === 'range' ? [range.firstByte, range.lastByte + 1] : [0, lengthBytes];
  const reopen = (fromByte: number): Promise<Continuation> => goOn(fetching, ask, { head, lengthBytes, fromByte, end });
  return { first, end, reopen, random, onResumed };
}

interface Rest {
  readonly head: Pick<StoredHead, 'fields'>;
  readonly lengthBytes: number;
  readonly fromByte: number;
  /** exclusive */
  readonly end: number;
}

/** Asks for the rest of an object, and takes it only if it is provably the same (RFC 9110 §13.1.5, §14.4). */
async function goOn(fetching: Fetching, ask: Ask, rest: Rest): Promise<Continuation> {
  const { head, lengthBytes, fromByte, end } = rest;
  const tag = strongTagOf(head.fields) ?? '';
  const fields = [
    ...without(ask.request.fields, CONDITIONS_AND_RANGE),
    'Range',
    `bytes=${fromByte}-${end - 1}`,
    'If-Range',
    tag,
  ];
  const answer = send(fetching, ask, { fields, onInformation: () => undefined });
  const got = await answer.head;
  if ('code' in got) return 'unreachable';
  const isSame = strongTagOf(got.fields) === tag;
  const range = parseContentRange(valueOf(got.fields, 'content-range') ?? '');
  const goesOn = range?.kind === 'range' && range.firstByte === fromByte && range.completeBytes === lengthBytes;
  if (got.status === 206 && isSame && goesOn) return { answer, skipBytes: 0, end: range.lastByte + 1 };
  // A parent may not know the length yet: the same tag is of the same bytes, and what ends early is asked for again.
  const itsBytes = lengthOf(got) ?? lengthBytes;
  if (got.status === 200 && isSame && itsBytes === lengthBytes)
    return { answer, skipBytes: fromByte, end: lengthBytes };
  answer.abort();
  return got.status >= 500 || got.status === 429 ? 'unreachable' : 'changed';
}

function send(
  { upstream, onFetch }: Fetching,
  { zone, path, key }: Ask,
  { fields, onInformation }: { readonly fields: FieldList; readonly onInformation: Question['onInformation'] },
): Answer {
  onFetch();
  const request = { zone, path, key, fields, method: 'GET', body: null, isIdempotent: true };
  return new Answer((handler) => upstream.fetch(request, handler), onInformation);
}

/** A strong entity tag (RFC 9110 §8.8.3); null for a weak one or none. */
function strongTagOf(fields: FieldList): string | null {
  const tag = valueOf(fields, 'etag');
  return tag === undefined || !tag.startsWith('"') || isWeakTag(tag) ? null : tag;
}

function lengthOf({ status, fields }: { readonly status: number; readonly fields: FieldList }): number | null {
  if (status === 204) return 0;
  const length = valueOf(fields, 'content-length');
  return length !== undefined && /^\d{1,15}$/.test(length) ? Number(length) : null;
}

/** Of an object that is not known yet. */
function rangeFor({ widening }: Fetching, { zone, request }: Ask): string | null {
  const asked = askedRange(request);
  if (asked === null) return null;
  return widening.admit(zone, asked.wantedBytes) ? asked.widened : asked.exact;
}

/** Whether 304 is an answer to it (RFC 9110 §15.4.5). */
function isConditional(fields: FieldList): boolean {
  return ['if-none-match', 'if-modified-since'].some((name) => valueOf(fields, name) !== undefined);
}

function rangeFields(range: string | null): FieldList {
  return range === null ? [] : ['Range', range];
}

/** The body of a 304 is none; whatever comes all the same is let go. */
function discard(answer: Answer): void {
  answer.pipe({ data: () => true, end: () => undefined, error: () => undefined });
}
