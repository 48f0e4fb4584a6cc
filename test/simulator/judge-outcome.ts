/** Whether a request had to end as it did: no needless error or cut, the right status, and no field of one connection only. */

import type { Asked, Exchange, Transcript } from './exchange.ts';
import type { Case } from './verdict.ts';
import { placeAt } from './history.ts';
import { hasFailedDuring } from './origin-failure.ts';
import { parseDirectives, whyUnshared } from './rfc9111.ts';
import { isForsaken, isRestarted } from './upheaval.ts';

const HOP_BY_HOP = ['keep-alive', 'x-hop', 'te', 'upgrade', 'proxy-connection'];

export function judgeOutcome(one: Case): void {
  const { asked, source, note } = one;
  if (asked.hasLeft) return;
  for (const name of HOP_BY_HOP) {
    // The edge has a Keep-Alive of its own.
    if (name === 'keep-alive' && asked.answer.get(name) !== 'timeout=60') continue;
    if (asked.answer.has(name)) note('hop-by-hop', `${name} went on`);
  }
  if (asked.status === 0 || !asked.isComplete) return judgeCut(one);
  if (source === null) return judgeOwn(one);
  judgeStatus(asked, source, note);
  judgeInformation(one);
}

/** What the origin says before its answer is for those who wait for it, and nothing to store (RFC 9110 §15.2). */
function judgeInformation({ asked, transcript, note }: Case): void {
  if (asked.information.length === 0) return;
  const speaks = transcript.exchanges.some(
    ({ place, representation, headOrder }) =>
      place === asked.place && representation?.extras === true && (headOrder ?? Infinity) > asked.startOrder,
  );
  if (!speaks) note('1xx', `${asked.information.join(', ')} out of the cache`);
}

/** A cut is the truth about an answer that cannot be had. */
function judgeCut({ asked, source, transcript, promises, note }: Case): void {
  const troubles = troublesOf(asked, transcript);
  const { isSlow } = asked.request;
  const isLost = isRestarted(asked, transcript);
  const isExcused = isLost || isForsaken(asked, transcript) || hasChanged(asked, transcript);
  if (troubles.length === 0 && !isSlow && !isExcused) {
    return note('needless cut', `after ${asked.body.length} bytes, though the origin did nothing wrong`);
  }
  const couldBeHad =
    troubles.length === 0
      ? !isLost && !isSlow && source !== null && isWholeAnywhere(asked, source, transcript)
      : !isLost && isResumable(asked, transcript, troubles);
  if (promises.resumes && couldBeHad) {
    note('not resumed', `cut after ${asked.body.length} bytes, though the rest could be had`);
  }
}

/** The edge's own words. */
function judgeOwn({ asked, transcript, note }: Case): void {
  const { status, request } = asked;
  const { policy } = placeAt(request.place);
  if (policy === 'token' && request.token !== 'good') {
    if (status !== 403) note('token', `${status} instead of 403`);
    return;
  }
  if (status === 304) return judgeNotModified(asked, transcript, note);
  if (status === 416) return judgeUnsatisfiable(asked, transcript, note);
  if (status === 504 && parseDirectives(asked.fields.get('cache-control')).has('only-if-cached')) return;
  if (status === 412 && asked.fields.has('if-match')) return;
  if (status < 500) return note('own answer', `${status}: ${asked.body.toString('utf8').slice(0, 200)}`);
  // What changes something is sent once: who had it may have done it.
  const isSent = request.method !== 'GET' && request.method !== 'HEAD' && isForsaken(asked, transcript);
  if (troublesOf(asked, transcript).length === 0 && !isRestarted(asked, transcript) && !isSent) {
    note('needless error', `${status}: ${asked.body.toString('utf8').slice(0, 200)}`);
  }
}

function judgeStatus(asked: Asked, source: Exchange, note: Case['note']): void {
  const { status } = asked;
  const known = source.representation?.status ?? 0;
  const wanted = source.status === 206 || source.status === 304 || source.status === 416 ? known : source.status;
  if (status === wanted) return;
  if (status === 304) return judgeValidators(asked, source, note);
  if ((status === 206 || status === 416) && asked.fields.has('range') && wanted === 200) {
    const ifRange = asked.fields.get('if-range');
    const isDate = ifRange !== undefined && !ifRange.startsWith('"');
    // Where the origin itself disregards it, whoever passes that on does nothing wrong.
    if (source.status === 206 || source.status === 416) return;
    if (ifRange === undefined || ifRange === source.fields.get('etag')) return;
    if (isDate && ifRange === source.fields.get('last-modified')) return;
    return note('if-range', `${status} for ${ifRange}, but ${source.fields.get('etag')} was served`);
  }
  note('status', `${status} where the origin had ${wanted}`);
}

/** RFC 9110 §13.1.2, §13.1.3: weak comparison; a date only where there is no If-None-Match. */
function judgeValidators(asked: Asked, source: Exchange, note: Case['note']): void {
  const noneMatch = asked.fields.get('if-none-match');
  const weak = (etag: string): string => etag.trim().replace(/^W\//, '');
  if (noneMatch !== undefined) {
    const etag = source.fields.get('etag');
    const matches = etag !== undefined && noneMatch.split(',').some((one) => weak(one) === weak(etag));
    if (!matches && noneMatch !== '*') note('304', `${noneMatch} does not match ${etag}`);
    return;
  }
  const since = Date.parse(asked.fields.get('if-modified-since') ?? '');
  const modified = Date.parse(source.fields.get('last-modified') ?? source.fields.get('date') ?? '');
  if (!(modified <= since)) note('304', 'it was not asked for, or it was modified');
}

/** A 304 that names no answer of the origin's: some version that the origin has sent must fit it. */
function judgeNotModified(asked: Asked, { exchanges }: Transcript, note: Case['note']): void {
  const complaints = exchanges
    .filter(({ place, beganOrder }) => place === asked.place && beganOrder < asked.endOrder)
    .map((exchange) => {
      let complaint = '';
      judgeValidators(asked, exchange, (_, detail) => (complaint = detail));
      return complaint;
    });
  if (!complaints.includes('')) note('304', complaints.at(-1) ?? 'the origin has never answered');
}

function judgeUnsatisfiable(asked: Asked, { exchanges }: Transcript, note: Case['note']): void {
  const length = /^bytes \*\/(\d+)$/.exec(asked.answer.get('content-range') ?? '')?.[1];
  const isKnown = exchanges.some(
    ({ place, representation }) => place === asked.place && representation?.lengthBytes === Number(length),
  );
  const first = Number(/^bytes=(\d+)/.exec(asked.fields.get('range') ?? '')?.[1]);
  if (length === undefined || !isKnown || first < Number(length)) {
    note('416', `${asked.fields.get('range')} of ${asked.answer.get('content-range')}`);
  }
}

/** What went wrong at the origin for this place while the request was under way. */
function troublesOf(asked: Asked, transcript: Transcript): Exchange[] {
  return transcript.exchanges.filter(
    (exchange) =>
      exchange.place === asked.place &&
      exchange.beganOrder < asked.endOrder &&
      (exchange.endOrder ?? Infinity) > asked.startOrder &&
      hasFailedDuring(asked, { ...transcript, exchanges: [exchange] }),
  );
}

/** The rest of what had begun is another version's, and does not belong behind it. */
function hasChanged(asked: Asked, { layout, exchanges }: Transcript): boolean {
  const version = Number(asked.answer.get('x-version'));
  const before = exchanges.filter(({ place, beganOrder }) => place === asked.place && beganOrder < asked.endOrder);
  // Of two parents one may have had it when it was another.
  if (layout === 'parents') return new Set(before.map((one) => one.version)).size > 1;
  return before.some(
    ({ request, endOrder, version: now }) =>
      (endOrder ?? Infinity) > asked.startOrder && request.has('if-range') && now !== version,
  );
}

/**
 * Whether all of the answer could be had in spite of what went wrong: the origin died once, behind a head with a strong
 * validator and a length, and answers ranges of the same version well ever after.
 */
function isResumable(asked: Asked, { exchanges }: Transcript, troubles: readonly Exchange[]): boolean {
  const [died] = troubles;
  if (died === undefined || troubles.length !== 1 || died.ended !== 'died' || died.headOrder === null) return false;
  return isWholeAnywhere(asked, died, { exchanges });
}

/** Whether any of its bytes may come from anybody: a validator shows that they belong together, and there is one version. */
function isWholeAnywhere(asked: Asked, answer: Exchange, { exchanges }: Pick<Transcript, 'exchanges'>): boolean {
  const { representation, version, status, method, place } = answer;
  if (method !== 'GET' || status !== 200 || representation === null || asked.request.method !== 'GET') return false;
  if (representation.etag !== 'strong' || representation.framing !== 'length' || representation.ranges !== 'good')
    return false;
  // What is one viewer's alone is passed on, and is no fill.
  if (asked.fields.has('range') || whyUnshared(answer) !== null || representation.setsCookie) return false;
  return exchanges.every(
    (other) => other.place !== place || other.beganOrder > asked.endOrder || other.version === version,
  );
}
