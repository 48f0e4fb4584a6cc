/** Which stored response answers which request (RFC 9111 §4.1). */

import { membersOf, valueOf, type FieldList } from './fields.ts';
import { parseHttpDate } from './http-date.ts';
import type { RequestHead } from './request-head.ts';
import type { StoredHead } from './stored-head.ts';

const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** The field names of Vary, in lower case, sorted, each once; `*` where nothing can be known of it. */
export function varyOf(fields: FieldList): readonly string[] | '*' {
  const value = valueOf(fields, 'vary');
  if (value === undefined) return [];
  const names = new Set<string>();
  for (const member of membersOf(value)) {
    // What is no name may mean anything, so it selects nothing; so does `*` among others.
    if (member === '*' || !NAME.test(member)) return '*';
    names.add(member.toLowerCase());
  }
  return [...names].sort();
}

/** What a request says in these fields, brought into one form. */
export function selectingOf(request: RequestHead, names: readonly string[]): Record<string, string | null> {
  return Object.fromEntries(
    names.map((name) => {
      const value = valueOf(request.fields, name);
      return [name, value === undefined ? null : normalised(name, value)];
    }),
  );
}

/** Fields with one value, in which a comma parts nothing (RFC 9110 §5.5). */
const SINGLE: ReadonlySet<string> = new Set([
  'authorization',
  'cookie',
  'from',
  'host',
  'origin',
  'referer',
  'user-agent',
]);

/** Only such changes as leave the meaning alone: space around commas, case and weights where a field defines them. */
function normalised(name: string, value: string): string {
  if (SINGLE.has(name)) return value.trim();
  switch (name) {
    case 'accept-encoding':
    case 'accept-language':
    case 'accept-charset':
      return preferences(value);
    case 'accept':
      return membersOf(value)
        .map((member) => member.replace(/[ \t]*;[ \t]*/g, ';'))
        .join(',');
    default:
      return membersOf(value).join(',');
  }
}

/** Weighted choices, the greatest weight first; between equal weights the order means nothing (RFC 9110 §12.4.2, §12.5.4). */
function preferences(value: string): string {
  const choices = membersOf(value.toLowerCase()).map((member) => {
    const [choice = '', ...parameters] = member.split(';').map((part) => part.trim());
    const weight = /^q=(\d(?:\.\d{0,3})?)$/.exec(parameters[0] ?? '')?.[1];
    const isPlain = parameters.length === 0 || (parameters.length === 1 && weight !== undefined);
    return { text: isPlain ? choice : [choice, ...parameters].join(';'), weight: Number(weight ?? 1), isPlain };
  });
  choices.sort((a, b) => b.weight - a.weight || (a.text < b.text ? -1 : Number(a.text > b.text)));
  return choices.map(({ text, weight, isPlain }) => (isPlain && weight !== 1 ? `${text};q=${weight}` : text)).join(',');
}

/** The stored response that a request selects: the newest by Date of those that match. */
export function selectVariant<V extends { readonly head: StoredHead }>(
  variants: readonly V[],
  request: RequestHead,
): V | undefined {
  let selected: V | undefined;
  for (const variant of variants) {
    if (matches(variant.head, request) && (selected === undefined || isNewer(variant.head, selected.head))) {
      selected = variant;
    }
  }
  if (selected === undefined || hasVary(selected.head)) return selected;
  // §4.1: some resources leave Vary out of their default response; what names it, and is newer, knows better.
  const varying = variants.filter(({ head }) => hasVary(head));
  const matching = varying.filter(({ head }) => matches(head, request));
  if (matching.length > 0) return matching.reduce((best, next) => (isNewer(next.head, best.head) ? next : best));
  return varying.every(({ head }) => isNewer(selected.head, head)) ? selected : undefined;
}

function hasVary({ fields }: StoredHead): boolean {
  return valueOf(fields, 'vary') !== undefined;
}

function matches(head: StoredHead, request: RequestHead): boolean {
  const names = varyOf(head.fields);
  if (names === '*') return false;
  for (const name of names) {
    const value = valueOf(request.fields, name);
    // Fields that a 304 has added to Vary were not noted when the response was stored: nothing is known of them.
    if (!Object.hasOwn(head.selecting, name)) return false;
    if (head.selecting[name] !== (value === undefined ? null : normalised(name, value))) return false;
  }
  return true;
}

function isNewer(a: StoredHead, b: StoredHead): boolean {
  const [dateA, dateB] = [dateOf(a), dateOf(b)];
  return dateA === dateB ? a.responseMs >= b.responseMs : dateA > dateB;
}

function dateOf({ fields, responseMs }: StoredHead): number {
  return parseHttpDate(valueOf(fields, 'date') ?? '', responseMs) ?? responseMs;
}
