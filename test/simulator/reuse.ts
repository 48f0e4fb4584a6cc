/** Whether an answer of the origin was rightly used for a request (RFC 9111 §4), purges and invalidations included. */

import type { Asked, Exchange, Ordered, Transcript } from './exchange.ts';
import { ERROR_STATUSES, hasFailedDuring } from './origin-failure.ts';
import { upheavalsOf } from './upheaval.ts';
import { isForMany, owesValidation, withdrawalOf } from './validation-owed.ts';
import {
  type Bounds,
  type Directives,
  SLACK_S,
  ageS,
  controlOf,
  lifetimeS,
  parseDirectives,
  seconds,
  selecting,
  whyNeverStale,
  whyUnshared,
} from './rfc9111.ts';

interface Use {
  readonly asked: Asked;
  readonly source: Exchange;
  readonly transcript: Transcript;
  readonly bounds: Bounds;
}

interface Complaint {
  readonly rule: string;
  readonly detail: string;
}

/** Null where it was right. */
export function whyNotReused(use: Use): Complaint | null {
  const { asked, source, transcript } = use;
  if (source.place !== asked.place) return { rule: 'other key', detail: `it is ${source.place}'s` };
  if (source.method !== asked.request.method && !(source.method === 'GET' && asked.request.method === 'HEAD')) {
    // A HEAD can freshen what is stored of a GET (§4.3.5).
    if (source.method !== 'HEAD') return { rule: 'method', detail: `it is the answer to a ${source.method}` };
  }
  const vary = source.fields.get('vary');
  if (selecting(vary, source.request) !== selecting(vary, asked.fields)) {
    return { rule: 'vary', detail: `${selecting(vary, source.request)} is not ${selecting(vary, asked.fields)}` };
  }
  const purge = hardPurgeBetween(use);
  if (purge !== null) return purge;
  const withdrawal = withdrawalOf(use);
  if (withdrawal !== null) return { rule: 'withdrawn', detail: `answer ${withdrawal.serial} took it back` };
  if (source.beganOrder < asked.startOrder && owesValidation(use)) {
    return { rule: 'unvalidated', detail: 'the origin was not asked for it since the request came' };
  }
  // Made after it was asked for: forwarded, confirmed, or shared with others who waited for it as well.
  if (source.headOrder !== null && source.headOrder > asked.startOrder) return null;
  const unshared = whyUnshared(source);
  if (unshared !== null) return { rule: 'stored', detail: `it was stored in spite of ${unshared}` };
  const invalidation = invalidationBetween(asked, source, transcript);
  if (invalidation !== null) return invalidation;
  return whyNotByAge(use);
}

/** No object whose fetch began before a hard purge serves a request that came after it. */
function hardPurgeBetween({ asked, source, transcript }: Use): Complaint | null {
  for (const purge of transcript.purges) {
    if (purge.soft || purge.order > asked.startOrder || source.beganOrder > purge.fromOrder) continue;
    if (purge.matches(source)) return { rule: 'purged', detail: 'it was fetched before a purge' };
  }
  return null;
}

/** §4.4: a successful unsafe request makes what is stored for its URI unusable without validation. */
function invalidationBetween(asked: Asked, source: Exchange, transcript: Transcript): Complaint | null {
  const { asked: all, layout } = transcript;
  // A parent that was not on the way of a change knows nothing of it (§4.4 promises nothing of caches elsewhere).
  const isElsewhere = layout === 'parents' && upheavalsOf(transcript).some(({ order }) => order < asked.startOrder);
  if (isElsewhere) return null;
  for (const other of all) {
    const { method } = other.request;
    if (method === 'GET' || method === 'HEAD' || other.place !== asked.place) continue;
    const succeeded = other.status >= 200 && other.status < 400;
    if (!succeeded || other.endOrder > asked.startOrder) continue;
    if (source.headOrder !== null && source.headOrder < other.startOrder) {
      return { rule: 'invalidated', detail: `it is older than a ${method} that succeeded` };
    }
  }
  return null;
}

function whyNotByAge(use: Use): Complaint | null {
  const { asked, source, transcript, bounds } = use;
  const wanted = parseDirectives(asked.fields.get('cache-control'));
  if (wanted.has('no-cache')) return { rule: 'no-cache asked', detail: 'the request wanted it validated' };
  const control = controlOf(source);
  if (control.has('no-cache') && control.get('no-cache') === null) {
    return { rule: 'no-cache', detail: 'it was used without validation' };
  }
  const age = ageS(source, asked.startMs);
  const lifetime = lifetimeS(source, bounds);
  const soft = softPurgeOf(use);
  const staleS = Math.max(age - SLACK_S - lifetime, soft === null ? -Infinity : 0);
  const times = `age ${age} s, lifetime ${lifetime} s${soft === null ? '' : ', softly purged'}`;
  const tolerant = maxStaleS(wanted);
  // RFC 8246 §2: nothing is validated for a reload that is fresh and never changes.
  const isSettled = control.has('immutable') && staleS < 0;
  // What a request would rather have is no reason for an error (§5.2.1: these directives are advice).
  const isBestThereIs = hasFailedDuring(asked, transcript);
  if (
    !isSettled &&
    !isBestThereIs &&
    wanted.has('max-age') &&
    age - SLACK_S > seconds(wanted.get('max-age') ?? null) + tolerant
  ) {
    return { rule: 'max-age asked', detail: times };
  }
  if (
    !isBestThereIs &&
    wanted.has('min-fresh') &&
    lifetime - age + SLACK_S < seconds(wanted.get('min-fresh') ?? null)
  ) {
    return { rule: 'min-fresh asked', detail: times };
  }
  if (staleS < 0) return null;
  const never = whyNeverStale(source);
  if (never !== null) return { rule: 'stale', detail: `${times}; ${never} forbids it` };
  const softly = soft === null ? null : whyNotSoftly(use, soft);
  if (softly !== null) return softly;
  if (staleS <= allowedStaleS(use, tolerant)) return null;
  return { rule: 'stale', detail: times };
}

function maxStaleS(wanted: Directives): number {
  const value = wanted.get('max-stale');
  if (value === undefined) return 0;
  return value === null ? Infinity : seconds(value);
}

function softPurgeOf({ asked, source, transcript }: Use): Ordered | null {
  const isOf = (one: Ordered): boolean =>
    one.soft && one.order < asked.startOrder && source.beganOrder < one.fromOrder && one.matches(source);
  return transcript.purges.find(isOf) ?? null;
}

/** What was purged softly may be answered with while it is fetched anew: somebody fetches it, and then it is over. */
function whyNotSoftly({ asked, source, transcript, bounds }: Use, purge: Ordered): Complaint | null {
  const since = transcript.exchanges.filter(
    ({ place, method, beganOrder }) => place === source.place && method === 'GET' && beganOrder > purge.fromOrder,
  );
  // Parents that have not heard of it are asked in vain first, and the origin when the history may be over.
  if (since.length === 0 && transcript.layout === 'parents') return null;
  if (since.length === 0) return { rule: 'soft purge', detail: 'nobody has fetched it since a soft purge' };
  const vary = source.fields.get('vary');
  // What came shortly before an edge was killed may not have been on its disk, and what came while a worker was dead not to it.
  const ends = transcript.layout === 'workers' ? upheavalsOf(transcript) : transcript.restarts;
  const upOrder = Math.max(0, ...ends.filter(({ order }) => order < asked.startOrder).map((end) => end.upOrder));
  const anew = since.find(
    (other) =>
      other.beganOrder > upOrder &&
      other.status === 200 &&
      !other.request.has('range') &&
      other.ended === 'complete' &&
      (other.endOrder ?? Infinity) < asked.startOrder &&
      whyUnshared(other) === null &&
      // What nobody could use again need not be kept.
      (isForMany(other, bounds) || other.fields.has('etag') || other.fields.has('last-modified')) &&
      other.fields.get('vary') === vary &&
      selecting(vary, other.request) === selecting(vary, asked.fields),
  );
  return anew === undefined || !hasBeenTold(asked, anew, transcript)
    ? null
    : { rule: 'soft purge', detail: `answer ${anew.serial} has been there since a soft purge` };
}

/** Each worker gives what it has once more, and learns by that of what another has fetched. */
function hasBeenTold(asked: Asked, anew: Exchange, { layout, asked: all }: Transcript): boolean {
  if (layout !== 'workers') return true;
  const isTelling = (other: Asked): boolean =>
    other.place === asked.place &&
    other.request.worker === asked.request.worker &&
    other.startOrder > (anew.endOrder ?? Infinity) &&
    other.step < asked.step &&
    isPlain(other);
  return all.some(isTelling);
}

/** The longest staleness that something allows: the request, RFC 5861's two, or the edge's defaults for these. */
function allowedStaleS(use: Use, tolerant: number): number {
  const { asked, source, transcript, bounds } = use;
  const control = controlOf(source);
  const declared = (name: string, fallback: number): number => {
    const value = control.get(name);
    return value === undefined ? fallback : seconds(value);
  };
  const whileS = declared('stale-while-revalidate', bounds.whileRevalidateS);
  const mayBeOld = hasFailedDuring(asked, transcript) || softPurgeOf(use) !== null;
  // One error is no better than another.
  const isError = ERROR_STATUSES.has(source.status);
  const errorS = mayBeOld && !isError ? declared('stale-if-error', bounds.ifErrorS) : 0;
  return Math.max(tolerant, whileS, errorS) + SLACK_S;
}

/** Whether a request asks for nothing but the whole thing, as anybody would. */
export function isPlain({ request, fields }: Asked): boolean {
  return (
    request.method === 'GET' &&
    !fields.has('range') &&
    request.condition === null &&
    !request.authorization &&
    request.token === 'good' &&
    parseDirectives(fields.get('cache-control')).size === 0
  );
}
