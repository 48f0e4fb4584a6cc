/** Whether the bytes that came are the ones that the fields name: of this key, one version, whole, and not purged. */

import { bodyOf } from './body.ts';
import type { Asked, Exchange } from './exchange.ts';
import type { Case } from './verdict.ts';

interface Slice {
  readonly from: number;
  readonly to: number;
}

export function judgeBody(one: Case): void {
  const { asked, source, note } = one;
  if (source === null || source.representation === null) return;
  // A HEAD without validators is about whatever has its length (RFC 9111 §4.3.5).
  if (source.method === 'HEAD' && !source.fields.has('etag') && !source.fields.has('last-modified')) return;
  if (Number(asked.answer.get('x-version')) !== source.version) {
    note('fields', `the fields are of answer ${source.serial}, the version is ${asked.answer.get('x-version')}`);
  }
  if (asked.request.method !== 'GET' || !isRepresentation(asked, source)) return;
  const whole = bodyOf({ ...source, lengthBytes: source.representation.lengthBytes });
  const slices = slicesOf(asked, whole.length);
  if (slices === null) return note('range', `${asked.status} ${asked.answer.get('content-range')}`);
  let at = 0;
  for (const { slice, bodyFrom } of slices) {
    at = bodyFrom;
    const wanted = whole.subarray(slice.from, slice.to);
    const got = asked.body.subarray(at, at + wanted.length);
    const held = wanted.subarray(0, got.length);
    if (!got.equals(held)) return note('bytes', describeDifference(got, held, slice.from));
    if (got.length < wanted.length && asked.isComplete) {
      return note('truncated', `${got.length} of ${wanted.length} bytes ended as if they were all`);
    }
    at += got.length;
    judgeOrigin(one, { from: slice.from, to: slice.from + got.length });
  }
  if (asked.status !== 206 && asked.body.length > whole.length)
    note('bytes', `${asked.body.length} bytes of ${whole.length}`);
}

/** Not a failure of the script's, and no body-less answer. */
function isRepresentation(asked: Asked, source: Exchange): boolean {
  if (asked.status === 304 || asked.status === 416 || asked.status === 412) return false;
  return source.status === 206 || source.status === 304 || source.status === source.representation?.status;
}

interface Located {
  readonly slice: Slice;
  readonly bodyFrom: number;
}

/** Where in the body which slice of the representation stands; null when the fields do not fit. */
function slicesOf(asked: Asked, length: number): Located[] | null {
  if (asked.status !== 206) return [{ slice: { from: 0, to: length }, bodyFrom: 0 }];
  const type = asked.answer.get('content-type') ?? '';
  if (type.startsWith('multipart/byteranges')) return partsOf(asked, length);
  const slice = parseContentRange(asked.answer.get('content-range'), length);
  if (slice === null || !fits(asked.fields.get('range'), slice, length)) return null;
  const announced = asked.answer.get('content-length');
  if (announced !== undefined && Number(announced) !== slice.to - slice.from) return null;
  return [{ slice, bodyFrom: 0 }];
}

/** RFC 9110 §14.6. */
function partsOf(asked: Asked, length: number): Located[] | null {
  const parts: Located[] = [];
  const text = asked.body.toString('latin1');
  for (const match of text.matchAll(/\r?\nContent-Range: ([^\r\n]+)\r\n(?:[^\r\n]+\r\n)*\r\n/gi)) {
    const slice = parseContentRange(match[1], length);
    if (slice === null) return null;
    parts.push({ slice, bodyFrom: match.index + match[0].length });
  }
  return parts.length === 0 && asked.isComplete ? null : parts;
}

function parseContentRange(value: string | undefined, length: number): Slice | null {
  const match = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(value ?? '');
  if (match === null) return null;
  const [from, last] = [Number(match[1]), Number(match[2])];
  if (match[3] !== '*' && Number(match[3]) !== length) return null;
  return from <= last && last < length ? { from, to: last + 1 } : null;
}

/** Whether it is the range that was asked for. */
function fits(field: string | undefined, slice: Slice, length: number): boolean {
  const match = /^bytes=(\d*)-(\d*)$/.exec(field ?? '');
  // Several ranges may be answered with one that covers them.
  if (match === null) return field?.startsWith('bytes=') === true;
  const [, first = '', last = ''] = match;
  const from = first === '' ? Math.max(0, length - Number(last)) : Number(first);
  const to = first === '' || last === '' ? length : Math.min(length, Number(last) + 1);
  return slice.from === from && slice.to === to;
}

function describeDifference(got: Buffer, wanted: Buffer, from: number): string {
  let at = 0;
  while (at < got.length && got[at] === wanted[at]) at += 1;
  const [lineFrom, lineTo] = [at - (at % 48), at - (at % 48) + 47];
  const line = (bytes: Buffer): string => JSON.stringify(bytes.toString('latin1', lineFrom, lineTo));
  return `differs at ${from + at}: ${line(got)} where ${line(wanted)} belongs`;
}

/** No byte comes from what a hard purge took: the origin must have sent each of them since. */
function judgeOrigin({ asked, source, transcript, note }: Case, slice: Slice): void {
  if (source === null) return;
  for (const purge of transcript.purges) {
    if (purge.soft || purge.order > asked.startOrder || !purge.matches(source)) continue;
    const may = transcript.exchanges.filter(
      (other) =>
        other.place === source.place &&
        other.version === source.version &&
        other.variant === source.variant &&
        (other.beganOrder > purge.fromOrder || !purge.matches(other)),
    );
    if (!covers(may, slice)) note('purged', `bytes ${slice.from} to ${slice.to} were not sent since a purge`);
  }
}

function covers(exchanges: readonly Exchange[], { from, to }: Slice): boolean {
  let reached = from;
  for (const { sentFrom, sentTo } of exchanges.toSorted((a, b) => a.sentFrom - b.sentFrom)) {
    if (sentFrom <= reached) reached = Math.max(reached, sentTo);
  }
  return reached >= to;
}
