/** Whether Cache-Status (RFC 9211) says what the origin's log says. */

import type { Asked, Exchange } from './exchange.ts';
import type { Case } from './verdict.ts';
import { SLACK_S, ageS, lifetimeS, whyUnshared } from './rfc9111.ts';

type Parameters = ReadonlyMap<string, string | true>;

export function judgeCacheStatus(one: Case): void {
  const { asked, source, transcript, promises, note } = one;
  if (asked.status === 0 || promises.cacheStatus === null) return;
  const said = asked.answer.get('cache-status');
  if (said === undefined) return note('no Cache-Status', `a ${asked.status} without it`);
  const parameters = parametersOf(said, promises.cacheStatus);
  if (parameters === null) return note('Cache-Status', `${said} does not end with ${promises.cacheStatus}`);
  const lie = (why: string): void => note('Cache-Status', `${said}, but ${why}`);
  const hit = parameters.has('hit');
  const forward = parameters.get('fwd');
  if (hit && forward !== undefined) return lie('hit and fwd exclude each other (§2.2)');
  if (placeIsClosedTo(asked)) return;
  const during = transcript.exchanges.filter(
    ({ place, beganOrder }) => place === asked.place && beganOrder > asked.startOrder && beganOrder < asked.endOrder,
  );
  // Where parents are asked it is they who ask the origin; what they say is theirs, and may be that they did not.
  const isTwoTier = transcript.layout === 'parents';
  const isAlone = !transcript.asked.some((other) => other !== asked && overlaps(asked, other));
  const isBusy = transcript.exchanges.some(
    (other) =>
      other.place === asked.place &&
      other.beganOrder < asked.startOrder &&
      (other.endOrder ?? Infinity) > asked.startOrder,
  );
  if (hit) {
    if (source === null && asked.status !== 304 && asked.status !== 416) lie('no answer of the origin was served');
    // Who wants a part of what may only be had whole asks its owner twice.
    const asksTwice = transcript.layout === 'workers' && asked.fields.has('range');
    if (isAlone && !asksTwice && source !== null && source.beganOrder > asked.startOrder)
      lie('it was fetched for this request');
    if (source !== null) judgeTtl(one, source, { parameters, lie });
    return;
  }
  if (forward === undefined) {
    if (source !== null) lie('it says neither hit nor fwd');
    return;
  }
  const collapsed = parameters.has('collapsed');
  if (isAlone && transcript.layout === 'alone' && !isBusy && collapsed) return lie('there was nobody to share with');
  if (isAlone && !isTwoTier && !collapsed && during.length === 0) return lie('the origin was not asked');
  const status = parameters.get('fwd-status');
  if (
    isAlone &&
    !isTwoTier &&
    !isBusy &&
    !collapsed &&
    typeof status === 'string' &&
    !during.some((other) => String(other.status) === status)
  ) {
    lie(`the origin said ${during.map((other) => other.status).join(', ')}`);
  }
  if (parameters.has('stored') && source !== null && whyUnshared(source) !== null) {
    lie(`it must not be stored for ${whyUnshared(source)}`);
  }
}

function placeIsClosedTo(asked: Asked): boolean {
  return asked.status === 403 && asked.request.token !== 'good';
}

function overlaps(a: Asked, b: Asked): boolean {
  return a.place === b.place && a.startOrder < b.endOrder && b.startOrder < a.endOrder;
}

/** §2.5: how long it is still fresh, negative where it is not. */
function judgeTtl(
  { asked, promises, transcript }: Case,
  source: Exchange,
  { parameters, lie }: { readonly parameters: Parameters; readonly lie: (why: string) => void },
): void {
  const ttl = parameters.get('ttl');
  if (typeof ttl !== 'string' || asked.startMs !== asked.endMs) return;
  if (transcript.purges.some(({ soft }) => soft) || mayHaveWaited(transcript)) return;
  const wanted = lifetimeS(source, promises.bounds) - ageS(source, asked.startMs);
  const least = wanted - onItsWayS(source, transcript);
  if (Number(ttl) > wanted + 2 * SLACK_S || !(Number(ttl) >= least - 2 * SLACK_S)) lie(`it is fresh for ${wanted} s`);
}

/** The parameters of the last member, which must be ours: each cache appends (§2). */
function parametersOf(field: string, name: string): Parameters | null {
  const member = field.split(',').at(-1)?.trim() ?? '';
  const [first = '', ...rest] = member.split(';').map((part) => part.trim());
  if (first.replaceAll('"', '') !== name) return null;
  return new Map(
    rest.map((part) => {
      const [key = '', value] = part.split('=', 2);
      return [key, value ?? true];
    }),
  );
}

/**
 * Where edges ask each other and something happened to them a question may have been on its way for longer than anybody here
 * saw: what it brought is taken for older than it is, which nobody is promised not to happen.
 */
function mayHaveWaited({ layout, members, purges }: Case['transcript']): boolean {
  return layout !== 'alone' && members.length + purges.length > 0;
}

/** The Age field of what was not asked of the origin for this request (RFC 9111 §5.1). */
export function judgeAge({ asked, source, transcript, promises, note }: Case): void {
  if (source === null || source.headOrder === null || source.representation === null) return;
  if (asked.startMs !== asked.endMs || asked.status === 304 || asked.status === 416) return;
  const age = asked.answer.get('age');
  const wanted = ageS(source, asked.startMs);
  // Who waits for another edge's question may have it after that edge has an answer (RFC 9111 §4: no store was asked).
  const told = parametersOf(asked.answer.get('cache-status') ?? '', promises.cacheStatus ?? '');
  const hasWaited = transcript.layout !== 'alone' && told?.has('collapsed') === true;
  const isReused = source.headOrder < asked.startOrder && !hasWaited;
  if (age === undefined && isReused) return note('Age', `none, where ${wanted} is right`);
  // What was just made is as old as the caches on its way say.
  const said = age ?? '0';
  // What has no Date is dated by the machine's own clock where one edge hands it to another unkept.
  const isUndated = transcript.layout !== 'alone' && !source.fields.has('date');
  const most = mayHaveWaited(transcript) || isUndated ? Infinity : wanted + onItsWayS(source, transcript);
  const isRight = /^\d+$/.test(said) && Number(said) >= wanted - SLACK_S && Number(said) <= most + SLACK_S;
  if (!isRight) note('Age', `${said}, where ${wanted} is right`);
}

/**
 * The edge may have sent a request before the origin had it, and counts from then on (RFC 9111 §4.2.3); so does each cache
 * that was asked on the way.
 */
function onItsWayS(source: Exchange, { asked, layout }: Case['transcript']): number {
  const { place, beganOrder, beganMs, headMs } = source;
  const waiting = asked.filter(
    (other) => other.place === place && other.startOrder < beganOrder && other.endOrder > beganOrder,
  );
  const waitedMs = beganMs - Math.min(beganMs, ...waiting.map(({ startMs }) => startMs));
  const moreMs = layout === 'alone' ? 0 : waitedMs + (headMs ?? beganMs) - beganMs;
  return (waitedMs + moreMs) / 1000;
}
