/**
 * The model: looks at a whole history and says what must not have been. For each answer it knows a set of allowed ones, for a
 * cache may always ask the origin; see `reuse.ts` for when it must.
 */

import { judgeBody } from './judge-body.ts';
import { judgeAge, judgeCacheStatus } from './judge-cache-status.ts';
import { judgeFetches } from './judge-fetches.ts';
import { judgeOutcome } from './judge-outcome.ts';
import { judgeTrailers } from './judge-trailers.ts';
import { whyNotReused } from './reuse.ts';
import type { Asked, Exchange, Transcript } from './exchange.ts';
import { placeAt } from './history.ts';
import { whyUnshared } from './rfc9111.ts';
import { isForMany, owesValidation } from './validation-owed.ts';
import type { Case, Promises, Violation } from './verdict.ts';

export function judge(transcript: Transcript, promises: Promises): Violation[] {
  const violations: Violation[] = [];
  const deliveries = new Map<Exchange, Asked[]>();
  for (const asked of transcript.asked) {
    const note = (rule: string, detail: string): void => {
      const { method, ...request } = asked.request;
      const about = `${method} ${asked.place} ${JSON.stringify(Object.fromEntries(asked.fields))}`;
      violations.push({ rule, step: asked.step, detail: `${detail}\n      ${about} (place ${request.place})` });
    };
    if (asked.hasHung) {
      note('hangs', 'nothing came any more, and no end');
      continue;
    }
    const source = sourceOf(asked, transcript);
    judgeOutcome({ asked, source, transcript, promises, note });
    if (promises.cacheStatus !== null && asked.status !== 0) {
      judgeCacheStatus({ asked, source, transcript, promises, note });
      judgeAge({ asked, source, transcript, promises, note });
    }
    if (source === null) continue;
    deliveries.set(source, [...(deliveries.get(source) ?? []), asked]);
    judgeAccess(asked, note);
    judgeBody({ asked, source, transcript, promises, note });
    if (promises.caches) judgeTrailers({ asked, source, transcript, promises, note });
    const why = whyNotReused({ asked, source, transcript, bounds: promises.bounds });
    if (why !== null) note(why.rule, `${why.detail}\n      answer ${source.serial} of the origin`);
  }
  judgeSharing(deliveries, violations);
  judgeOwed(deliveries, { transcript, violations, bounds: promises.bounds });
  if (promises.caches) judgeFetches(transcript, violations, promises);
  return violations;
}

function sourceOf(asked: Asked, { exchanges }: Transcript): Exchange | null {
  const serial = asked.answer.get('x-serial');
  return serial === undefined ? null : (exchanges[Number(serial) - 1] ?? null);
}

/** Nothing of a token zone without a token for just this zone. */
function judgeAccess(asked: Asked, note: Case['note']): void {
  const { policy } = placeAt(asked.request.place);
  if (policy === 'token' && asked.request.token !== 'good') note('token', `served with token ${asked.request.token}`);
}

/** What must not be shared goes to one request. */
function judgeSharing(deliveries: ReadonlyMap<Exchange, readonly Asked[]>, violations: Violation[]): void {
  for (const [source, readers] of deliveries) {
    const why = whyUnshared(source);
    const [, second] = readers;
    if (why === null || second === undefined) continue;
    const detail = `answer ${source.serial} of the origin for ${source.place} went to ${readers.length} requests in spite of ${why}`;
    violations.push({ rule: 'unshared', step: second.step, detail });
  }
}

interface Around {
  readonly transcript: Transcript;
  readonly violations: Violation[];
  readonly bounds: Promises['bounds'];
}

/**
 * What is fresh for no time, or must be asked for, goes to one of those who wait together, unless its origin called it public
 * or confirmed it. What another edge confirmed cannot be told from here.
 */
function judgeOwed(
  deliveries: ReadonlyMap<Exchange, readonly Asked[]>,
  { transcript, violations, bounds }: Around,
): void {
  if (transcript.layout !== 'alone') return;
  for (const [source, readers] of deliveries) {
    if (source.status === 304 || isForMany(source, bounds)) continue;
    const [, second, ...more] = readers.filter((asked) => owesValidation({ asked, source, transcript, bounds }));
    if (second === undefined) continue;
    const detail = `answer ${source.serial} of the origin for ${source.place} went to ${2 + more.length} requests, and nobody may have it unasked`;
    violations.push({ rule: 'shared', step: second.step, detail });
  }
}
