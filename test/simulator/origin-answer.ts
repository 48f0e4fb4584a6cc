/** How the origin answers one request: a correct HTTP server, except where its representation says otherwise. */

import type { FieldMap } from './exchange.ts';
import type { Representation } from './history.ts';
import type { Resource } from './origin.ts';
import type { RawRequest } from './request-reader.ts';

export interface Plan {
  readonly status: number;
  readonly fields: readonly (readonly [string, string])[];
  /** status line and fields, with any 1xx before them */
  readonly head: string;
  readonly framing: Representation['framing'];
  readonly hasBody: boolean;
  /** null: the representation's own bytes, `from` to `to` */
  readonly bytes: Buffer | null;
  readonly from: number;
  readonly to: number;
  readonly variant: string;
  /** an unsafe method that succeeded */
  readonly changes: boolean;
}

interface Question {
  readonly resource: Resource | undefined;
  readonly place: string;
  readonly request: RawRequest;
  /** an error that the script wants, or null */
  readonly status: number | null;
  readonly serial: number;
  readonly nowMs: number;
  readonly startMs: number;
}

type Fields = [string, string][];

const NOTHING = Buffer.alloc(0);

export function planAnswer(question: Question): Plan {
  const { resource, request, status } = question;
  if (resource === undefined) return small(question, 404, [['Cache-Control', 'no-store']]);
  if (status !== null) return small(question, status, []);
  if (request.method !== 'GET' && request.method !== 'HEAD') return planChange(question);
  return planRepresentation(question, resource);
}

/** A failure, or the answer to an unsafe method: a word, and nothing to keep. */
function small(question: Question, status: number, more: Fields, changes = false): Plan {
  const bytes = status === 204 ? NOTHING : Buffer.from(`${question.place} ${status}\n`);
  const fields: Fields = [...identity(question), ['Date', dateOf(question.nowMs)], ...more];
  if (status !== 204) fields.push(['Content-Length', String(bytes.length)]);
  const hasBody = status !== 204 && question.request.method !== 'HEAD';
  const body = { framing: 'length', hasBody, bytes, from: 0, to: bytes.length } as const;
  return { status, fields, head: headOf(status, fields), variant: '', changes, ...body };
}

/** The body of an unsafe request says which status it wants. */
function planChange(question: Question): Plan {
  const status = Number(/status=(\d+)/.exec(question.request.body)?.[1] ?? 200);
  return small(question, status, [], status < 400);
}

function planRepresentation(question: Question, resource: Resource): Plan {
  const { request } = question;
  const { representation } = resource;
  const variant = variantOf(representation, request.fields);
  const etag = etagOf(resource, variant);
  const modifiedMs = modifiedMsOf(resource, question.startMs);
  const fields = representationFields(question, { resource, etag, modifiedMs });
  const plan = { variant, changes: false, bytes: null };
  if (representation.status === 200 && isNotModified(request.fields, etag, modifiedMs)) {
    const head = headOf(304, fields);
    return { ...plan, status: 304, fields, head, framing: 'length', hasBody: false, from: 0, to: 0 };
  }
  const { lengthBytes, extras } = representation;
  const range = rangeOf(question, { resource, etag, modifiedMs });
  const information = extras ? 'HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n' : '';
  if (range === 'unsatisfiable') {
    fields.push(['Content-Range', `bytes */${lengthBytes}`], ['Content-Length', '0']);
    const head = headOf(416, fields);
    return { ...plan, status: 416, fields, head, framing: 'length', hasBody: false, from: 0, to: 0 };
  }
  const { from, to } = range ?? { from: 0, to: lengthBytes };
  const status = range === null ? representation.status : 206;
  if (range !== null) fields.push(['Content-Range', `bytes ${from}-${to - 1}/${lengthBytes}`]);
  const framing = range === null ? representation.framing : 'length';
  if (framing === 'length') fields.push(['Content-Length', String(to - from)]);
  if (framing === 'chunked') fields.push(['Transfer-Encoding', 'chunked']);
  if (framing === 'close') fields.push(['Connection', 'close']);
  const hasBody = request.method !== 'HEAD';
  return { ...plan, status, fields, head: information + headOf(status, fields), framing, hasBody, from, to };
}

interface Known {
  readonly resource: Resource;
  readonly etag: string | null;
  readonly modifiedMs: number | null;
}

function identity({ serial, place, resource }: Question): Fields {
  return [
    ['X-Serial', String(serial)],
    ['X-Place', place],
    ['X-Version', String(resource?.version ?? 0)],
  ];
}

function representationFields(question: Question, { resource, etag, modifiedMs }: Known): Fields {
  const { representation } = resource;
  const { control, targeted, expiresInS, ageS, sendsDate, vary, setsCookie, tags, extras, ranges } = representation;
  const fields = identity(question);
  fields.push(['Content-Type', 'text/plain']);
  if (sendsDate) fields.push(['Date', dateOf(question.nowMs)]);
  if (etag !== null) fields.push(['ETag', etag]);
  if (modifiedMs !== null) fields.push(['Last-Modified', dateOf(modifiedMs)]);
  if (control !== null) fields.push(['Cache-Control', control]);
  if (targeted !== null) fields.push(['CDN-Cache-Control', targeted]);
  if (expiresInS === 'invalid') fields.push(['Expires', '0']);
  else if (expiresInS !== null) fields.push(['Expires', dateOf(question.nowMs + expiresInS * 1000)]);
  if (ageS !== null) fields.push(['Age', String(ageS)]);
  if (vary.length > 0) fields.push(['Vary', vary.join(', ')]);
  if (setsCookie) fields.push(['Set-Cookie', `serial=${question.serial}`]);
  if (tags.length > 0) fields.push(['Cache-Tag', tags.join(',')]);
  if (ranges !== 'none') fields.push(['Accept-Ranges', 'bytes']);
  if (extras) fields.push(['Connection', 'X-Hop'], ['X-Hop', '1'], ['Keep-Alive', 'timeout=60']);
  if (representation.status >= 300 && representation.status < 400) fields.push(['Location', '/elsewhere']);
  return fields;
}

/** Which of a representation's variants a request selects; what a Vary field names is read the same by the model. */
export function variantOf({ vary }: Representation, fields: FieldMap): string {
  const language = fields.get('accept-language')?.trim().toLowerCase() ?? 'any';
  const mode = fields.get('x-mode') ?? 'none';
  const parts: string[] = [];
  if (vary.includes('Accept-Language')) parts.push(language);
  if (vary.includes('X-Mode')) parts.push(mode);
  return parts.length === 0 ? 'one' : parts.join('+');
}

export function etagOf({ representation, version }: Resource, variant: string): string | null {
  switch (representation.etag) {
    case 'strong':
      return `"v${version}-${variant}"`;
    case 'weak':
      return `W/"v${version}-${variant}"`;
    case 'none':
      return null;
  }
}

/** Each version is modified a second after the one before, so that no two have one date. */
export function modifiedMsOf({ representation, version }: Resource, startMs: number): number | null {
  const { modifiedAgoS } = representation;
  return modifiedAgoS === null ? null : startMs - modifiedAgoS * 1000 + version * 1000;
}

export function dateOf(ms: number): string {
  return new Date(Math.floor(ms / 1000) * 1000).toUTCString();
}

function isNotModified(fields: FieldMap, etag: string | null, modifiedMs: number | null): boolean {
  const noneMatch = fields.get('if-none-match');
  if (noneMatch !== undefined) {
    if (noneMatch.trim() === '*') return true;
    return etag !== null && noneMatch.split(',').some((one) => opaque(one) === opaque(etag));
  }
  const since = Date.parse(fields.get('if-modified-since') ?? '');
  return modifiedMs !== null && Math.floor(modifiedMs / 1000) * 1000 <= since;
}

function opaque(etag: string): string {
  return etag.trim().replace(/^W\//, '');
}

/** The one range that a GET asks for; null for the whole. */
function rangeOf(
  { request }: Question,
  { resource, etag, modifiedMs }: Known,
): { readonly from: number; readonly to: number } | 'unsatisfiable' | null {
  const { representation } = resource;
  const { lengthBytes } = representation;
  if (request.method !== 'GET' || representation.ranges === 'none' || representation.status !== 200) return null;
  const ifRange = request.fields.get('if-range');
  if (ifRange !== undefined && representation.ranges === 'good') {
    const isSame = ifRange.startsWith('"') ? ifRange === etag : modifiedMs !== null && ifRange === dateOf(modifiedMs);
    if (!isSame) return null;
  }
  const parts = /^bytes=(\d*)-(\d*)$/.exec(request.fields.get('range') ?? '');
  if (parts === null || (parts[1] === '' && parts[2] === '')) return null;
  const [, first = '', last = ''] = parts;
  if (first === '') {
    const suffix = Math.min(Number(last), lengthBytes);
    return suffix === 0 ? 'unsatisfiable' : { from: lengthBytes - suffix, to: lengthBytes };
  }
  const from = Number(first);
  if (from >= lengthBytes) return 'unsatisfiable';
  const to = last === '' ? lengthBytes : Math.min(Number(last) + 1, lengthBytes);
  return to <= from ? null : { from, to };
}

const REASONS: Readonly<Record<number, string>> = { 200: 'OK', 206: 'Partial Content', 304: 'Not Modified' };

function headOf(status: number, fields: Fields): string {
  const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${REASONS[status] ?? 'Other'}\r\n${lines.join('')}\r\n`;
}
