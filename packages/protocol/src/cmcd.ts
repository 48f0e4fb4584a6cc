/**
 * What players say of themselves with a request: Common Media Client Data, version 1 (CTA-5004) and 2 (CTA-5004-A, -B), in the
 * query or in four header fields. It is a hint from a stranger: read within limits, believed where it has the right form, passed
 * over where it has not, and never part of a resource's name.
 */

/** Lists of integers in version 2, one integer in version 1: kb/s, ms or a count. */
const INTEGER_KEYS = [
  'ab',
  'bl',
  'br',
  'bsa',
  'bsd',
  'bsda',
  'd',
  'dfa',
  'dl',
  'lab',
  'lb',
  'ltc',
  'msd',
  'mtp',
  'pb',
  'pt',
  'rtp',
  'sn',
  'tab',
  'tb',
  'tbl',
  'tpb',
] as const;
const FLAG_KEYS = ['bg', 'bs', 'nr', 'su'] as const;
const TEXT_KEYS = ['cdn', 'cid', 'cs', 'sid'] as const;

/** What one of a closed set of words may be; `ot` object, `sf` format, `st` live or not, `sta` the player's state. */
const TOKENS = {
  ot: ['m', 'a', 'v', 'av', 'i', 'c', 'tt', 'k', 'o'],
  sf: ['d', 'h', 's', 'o'],
  st: ['v', 'l', 'll'],
  sta: ['s', 'p', 'k', 'r', 'a', 'w', 'e', 'f', 'q', 'd'],
} as const;

export type CmcdInteger = (typeof INTEGER_KEYS)[number];
export type CmcdFlag = (typeof FLAG_KEYS)[number];
export type CmcdText = (typeof TEXT_KEYS)[number];
export type CmcdToken = keyof typeof TOKENS;

/** An object that the player is about to ask for. */
export interface CmcdNext {
  /** a URI reference, relative to the request's own URL; empty: the same object */
  readonly reference: string;
  /** of its bytes, such as `0-999`; null: all of it */
  readonly range: string | null;
}

/** What a player said. What it left out, or what had the wrong form, is not there. */
export interface Cmcd {
  readonly version: 1 | 2;
  readonly integers: Readonly<Partial<Record<CmcdInteger, readonly number[]>>>;
  readonly flags: ReadonlySet<CmcdFlag>;
  readonly texts: Readonly<Partial<Record<CmcdText, string>>>;
  readonly tokens: Readonly<Partial<Record<CmcdToken, string>>>;
  /** playback rate: 1 in real time, 0 when paused */
  readonly rate: number | null;
  readonly next: readonly CmcdNext[];
}

/** The fields that carry it, by lower-case name. */
export const CMCD_FIELDS = ['cmcd-request', 'cmcd-object', 'cmcd-session', 'cmcd-status'] as const;
/** The parameter of a query that carries it. */
const PARAMETER = 'CMCD';

/** More is not read at all, in the query or in all fields together. */
export const CMCD_LIMIT_CHARS = 4_096;
/** Keys beyond that are passed over. */
export const CMCD_KEYS_LIMIT = 64;
/** Items of a list beyond that are passed over. */
export const CMCD_ITEMS_LIMIT = 16;
/** Of an id (CTA-5004-B). */
const TEXT_LIMIT_CHARS = 128;

/** Of a Structured Field (RFC 8941 §3.3), from where it is asked: a string, a number, a boolean or a token, and its parameters. */
const ITEM =
  /(?:"((?:[^"\\]|\\["\\])*)"|(-?\d{1,15}(?:\.\d{1,3})?)|\?([01])|([A-Za-z*][\w!#$%&'*+\-.^`|~:/]*))((?:;[a-z*][\w\-.*]*(?:=(?:"(?:[^"\\]|\\["\\])*"|[^\s;()",]+))?)*)/y;
const RANGE_PARAMETER = /;r="(\d{1,15}-\d{0,15})"/;
const RANGE = /^\d{1,15}-\d{0,15}$/;
const MEMBER = /^([a-z*][\w\-.*]*)(?:=(.*))?$/s;

type Value = string | number | boolean;

interface Item {
  readonly value: Value;
  /** as they stand, from the first semicolon */
  readonly parameters: string;
}

/**
 * Reads what came with a request.
 * @param query without the question mark
 * @param field the value of a header field by its lower-case name
 * @returns null when the player said nothing, or more than {@link CMCD_LIMIT_CHARS}
 */
export function readCmcd(query: string, field: (name: string) => string | undefined): Cmcd | null {
  const pieces: string[] = [];
  if (query.includes(PARAMETER)) {
    const value = query.split('&').find((pair) => pair.startsWith(`${PARAMETER}=`));
    const text = value === undefined ? null : decode(value.slice(PARAMETER.length + 1));
    if (text !== null) pieces.push(text);
  }
  for (const name of CMCD_FIELDS) {
    const value = field(name);
    if (value !== undefined) pieces.push(value);
  }
  return pieces.length === 0 ? null : parseCmcd(pieces.join(','));
}

/** A query without what a player says of itself: what is left names the resource. */
export function withoutCmcd(query: string): string {
  if (!query.includes(PARAMETER)) return query;
  return query
    .split('&')
    .filter((pair) => pair !== PARAMETER && !pair.startsWith(`${PARAMETER}=`))
    .join('&');
}

/** Reads the dictionary itself, decoded. The first of two values of a key counts. */
export function parseCmcd(text: string): Cmcd | null {
  if (text.length > CMCD_LIMIT_CHARS) return null;
  const items = new Map<string, readonly Item[]>();
  for (const member of splitMembers(text)) {
    const [, key, value] = MEMBER.exec(member) ?? [];
    if (key === undefined || items.has(key)) continue;
    const list = value === undefined ? [{ value: true, parameters: '' }] : parseItems(value);
    if (list !== null) items.set(key, list);
  }
  const version = items.get('v')?.[0]?.value === 2 ? 2 : 1;
  return {
    version,
    integers: collect(INTEGER_KEYS, (key) => integersOf(items.get(key))),
    flags: new Set(FLAG_KEYS.filter((key) => items.get(key)?.[0]?.value === true)),
    texts: collect(TEXT_KEYS, (key) => textOf(items.get(key))),
    tokens: collect(Object.keys(TOKENS) as CmcdToken[], (key) => tokenOf(key, items.get(key))),
    rate: rateOf(items.get('pr')),
    next: nextOf(items, version),
  };
}

/** At the commas outside of strings. */
function splitMembers(text: string): string[] {
  const members: string[] = [];
  let start = 0;
  let isQuoted = false;
  for (let at = 0; at <= text.length && members.length < CMCD_KEYS_LIMIT; at += 1) {
    const character = text[at];
    if (character === '\\' && isQuoted) at += 1;
    else if (character === '"') isQuoted = !isQuoted;
    else if (character === undefined || (character === ',' && !isQuoted)) {
      members.push(text.slice(start, at).trim());
      start = at + 1;
    }
  }
  return members;
}

/** An item, or the items of a list; null for what is neither. */
function parseItems(text: string): readonly Item[] | null {
  if (!text.startsWith('(')) {
    const item = itemAt(text, 0);
    return item?.end === text.length ? [item] : null;
  }
  const items: Item[] = [];
  let at = skipSpaces(text, 1);
  while (text[at] !== ')') {
    const item = itemAt(text, at);
    if (item === null) return null;
    if (items.length < CMCD_ITEMS_LIMIT) items.push(item);
    at = skipSpaces(text, item.end);
  }
  return items;
}

function itemAt(text: string, at: number): (Item & { readonly end: number }) | null {
  ITEM.lastIndex = at;
  const match = ITEM.exec(text);
  if (match === null) return null;
  const [whole, quoted, number, boolean, token, parameters = ''] = match;
  const end = at + whole.length;
  if (quoted !== undefined) return { value: quoted.replaceAll(/\\(.)/g, '$1'), parameters, end };
  if (number !== undefined) return { value: Number(number), parameters, end };
  return { value: token ?? boolean === '1', parameters, end };
}

function skipSpaces(text: string, from: number): number {
  let at = from;
  while (text[at] === ' ') at += 1;
  return at;
}

function integersOf(items: readonly Item[] | undefined): readonly number[] | undefined {
  const numbers = (items ?? []).map(({ value }) => value);
  const isGood = numbers.length > 0 && numbers.every((value) => typeof value === 'number' && value >= 0);
  // Version 1 has players round; not all do.
  return isGood ? (numbers as number[]).map(Math.round) : undefined;
}

/** With or without its quotes: not all players set them. */
function textOf(items: readonly Item[] | undefined): string | undefined {
  const value = items?.[0]?.value;
  return typeof value === 'string' && value.length <= TEXT_LIMIT_CHARS ? value : undefined;
}

function tokenOf(key: CmcdToken, items: readonly Item[] | undefined): string | undefined {
  const value = items?.[0]?.value;
  return TOKENS[key].find((token) => token === value);
}

function rateOf(items: readonly Item[] | undefined): number | null {
  const value = items?.[0]?.value;
  return typeof value === 'number' ? value : null;
}

/** Version 1: one reference, its characters escaped once more, and its range beside it. Version 2: a list, each with its own. */
function nextOf(items: ReadonlyMap<string, readonly Item[]>, version: 1 | 2): readonly CmcdNext[] {
  const range = items.get('nrr')?.[0]?.value;
  const beside = typeof range === 'string' && RANGE.test(range) ? range : null;
  const next: CmcdNext[] = [];
  for (const { value, parameters } of items.get('nor') ?? []) {
    const reference = typeof value !== 'string' ? null : version === 1 ? decode(value) : value;
    if (reference === null) continue;
    next.push({ reference, range: RANGE_PARAMETER.exec(parameters)?.[1] ?? beside });
  }
  if (next.length === 0 && beside !== null) next.push({ reference: '', range: beside });
  return next;
}

/** Null for what is no percent-encoding. */
function decode(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    if (cause instanceof URIError) return null;
    throw cause;
  }
}

function collect<K extends string, V>(keys: readonly K[], read: (key: K) => V | undefined): Partial<Record<K, V>> {
  const entries = keys.map((key) => [key, read(key)] as const).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as Partial<Record<K, V>>;
}
