/** Whether the origin was asked no more often than needed: once for all who ask together, never for what is fresh. */

import type { Asked, Exchange, Transcript } from './exchange.ts';
import { isPlain } from './reuse.ts';
import { upheavalsOf } from './upheaval.ts';
import type { Promises, Violation } from './verdict.ts';
import { type Bounds, SLACK_S, ageS, controlOf, lifetimeS, selecting, whyUnshared } from './rfc9111.ts';

const ALONE_MS = 31_000;

export function judgeFetches(transcript: Transcript, violations: Violation[], { bounds }: Promises): void {
  const crowds = Map.groupBy(transcript.asked, ({ step, place }) => `${step} ${place}`);
  for (const crowd of crowds.values()) judgeCrowd(crowd, transcript, violations);
  for (const asked of transcript.asked) judgeAlone(asked, { transcript, violations, bounds });
}

/** All who ask for one key in one step, while the origin answers well with something that can be shared. */
function judgeCrowd(crowd: readonly Asked[], transcript: Transcript, violations: Violation[]): void {
  const { exchanges, purges } = transcript;
  const [first] = crowd;
  if (first === undefined || crowd.length < 2) return;
  const languages = new Set(crowd.map(({ fields }) => selecting('accept-language, x-mode', fields)));
  if (!crowd.every((asked) => isPlain(asked) && !asked.hasLeft && !asked.request.isSlow) || languages.size > 1) return;
  const fromOrder = Math.min(...crowd.map(({ startOrder }) => startOrder));
  const toOrder = Math.max(...crowd.map(({ endOrder }) => endOrder));
  const within = (order: number): boolean => order > fromOrder && order < toOrder;
  if ([...purges, ...upheavalsOf(transcript)].some(({ order }) => within(order))) return;
  // What takes up an answer that broke off, or brings back what the disk has lost of one, is not another; nor is what was
  // confirmed, and turned out to be lost. What others are told while it is refreshed behind them is refreshed when it is.
  const hasLost = transcript.restarts.some(({ order }) => order < fromOrder);
  const fetches = exchanges.filter(
    ({ place, beganOrder, request, status }) =>
      place === first.place &&
      within(beganOrder) &&
      !request.has('if-range') &&
      !(status === 304 && hasLost) &&
      languages.has(selecting('accept-language, x-mode', request)),
  );
  // What grows old while it comes in is fetched anew for who joins late.
  if (new Set(crowd.flatMap(({ startMs, endMs }) => [startMs, endMs])).size > 1) return;
  if (fetches.length < 2 || !fetches.every((fetch) => isShareable(fetch))) return;
  // Where an answer was for one viewer alone nobody waits for another's, for a while.
  const lately = exchanges.filter(
    ({ place, beganOrder, beganMs }) =>
      place === first.place && beganOrder < fromOrder && beganMs > first.startMs - ALONE_MS,
  );
  if (!lately.every((fetch) => isShareable(fetch))) return;
  if (isAmbiguous(exchanges.filter(({ place }) => place === first.place))) return;
  const serials = fetches.map(({ serial, request }) => `${serial} ${request.get('range') ?? ''}`).join(', ');
  const detail = `${crowd.length} asked together for ${first.place}, and the origin was asked ${fetches.length} times: ${serials}`;
  violations.push({ rule: 'one fetch', step: first.step, detail });
}

/** Answers that differ in what they vary by leave open which is meant (RFC 9111 §4.1). */
function isAmbiguous(fetches: readonly Exchange[]): boolean {
  const whole = fetches.filter(({ representation, fields }) => representation !== null && fields.size > 0);
  return new Set(whole.map(({ fields }) => fields.get('vary'))).size > 1;
}

function isShareable(fetch: Exchange): boolean {
  const control = controlOf(fetch);
  const lifetime = control.get('s-maxage') ?? control.get('max-age') ?? '0';
  return (
    fetch.method === 'GET' &&
    (fetch.status === 200 || fetch.status === 304) &&
    fetch.ended === 'complete' &&
    whyUnshared(fetch) === null &&
    !control.has('no-cache') &&
    !fetch.fields.has('set-cookie') &&
    fetch.beganMs === fetch.headMs &&
    Number(lifetime) - ageS(fetch, fetch.headMs ?? 0) > 2 * SLACK_S
  );
}

interface Alone {
  readonly transcript: Transcript;
  readonly violations: Violation[];
  readonly bounds: Bounds;
}

/** Nothing happened to an object since the whole of it was fetched, and it is fresh: then nobody asks for it again. */
function judgeAlone(asked: Asked, { transcript, violations, bounds }: Alone): void {
  const { exchanges, purges, asked: all } = transcript;
  if (!isPlain(asked) || asked.request.isSlow) return;
  const fetches = exchanges.filter(({ place, beganOrder }) => place === asked.place && beganOrder < asked.endOrder);
  if (isAmbiguous(fetches)) return;
  const last = fetches.findLast(({ beganOrder }) => beganOrder < asked.startOrder);
  if (last === undefined || fetches.at(-1) === last) return;
  if (
    !isShareable(last) ||
    last.status !== 200 ||
    last.request.has('range') ||
    (last.endOrder ?? Infinity) > asked.startOrder
  )
    return;
  // The edge may have begun to ask as early as the first who waited for it did.
  const waiting = all.filter(
    ({ place, startOrder, endOrder }) =>
      place === asked.place && startOrder < last.beganOrder && endOrder > last.beganOrder,
  );
  const fromOrder = Math.min(last.beganOrder, ...waiting.map(({ startOrder }) => startOrder));
  const since = ({ order }: { readonly order: number }): boolean => order > fromOrder;
  if (purges.some(since) || upheavalsOf(transcript).some(since)) return;
  const isFirst = (other: Asked): boolean =>
    other.place === asked.place && other.endOrder > last.beganOrder && other !== asked;
  const readers = all.filter((other) => isFirst(other) && other.startOrder < asked.endOrder);
  if (!readers.every((other) => isPlain(other) && !other.hasLeft && other.isComplete)) return;
  const vary = last.fields.get('vary');
  if (selecting(vary, last.request) !== selecting(vary, asked.fields)) return;
  const again = fetches.filter(({ beganOrder }) => beganOrder > asked.startOrder);
  if (again.every(({ request }) => selecting(vary, request) !== selecting(vary, asked.fields))) return;
  // RFC 9111 §4.2.3: what the edge waited, for a parent that had to hear of a purge first, counts as age.
  const asker =
    waiting[0] ?? all.findLast(({ place, startOrder }) => place === asked.place && startOrder < last.beganOrder);
  const delayS = asker === undefined ? 0 : (last.beganMs - asker.startMs) / 1_000;
  const [age, lifetime] = [ageS(last, asked.endMs) + delayS, lifetimeS(last, bounds)];
  if (age + SLACK_S >= lifetime) return;
  const detail = `${asked.place}: answer ${last.serial} was whole and fresh (age ${age} s of ${lifetime} s), and the origin was asked again`;
  violations.push({ rule: 'needless fetch', step: asked.step, detail });
}
