/** Which directives of a response are for this cache (RFC 9213). */

import { parseDictionary, Token } from 'structured-headers';
import { NO_DIRECTIVES, parseCacheControl, type Directives } from './cache-control.ts';
import { TARGETED_FIELDS, valueOf, type FieldList } from './fields.ts';

export interface ResponseControl {
  readonly directives: Directives;
  /** they came in a targeted field: Cache-Control and Expires of the response are for others (RFC 9213 §2.2) */
  readonly isTargeted: boolean;
}

/** The first targeted field with a valid value that is not empty; else Cache-Control. */
export function controlOf(fields: FieldList): ResponseControl {
  for (const name of TARGETED_FIELDS) {
    const value = valueOf(fields, name);
    const directives = value === undefined ? null : parseTargeted(value);
    if (directives !== null) return { directives, isTargeted: true };
  }
  const value = valueOf(fields, 'cache-control');
  return { directives: value === undefined ? NO_DIRECTIVES : parseCacheControl(value), isTargeted: false };
}

const DELTAS: ReadonlySet<string> = new Set(['max-age', 's-maxage', 'stale-while-revalidate', 'stale-if-error']);

/** A dictionary of structured fields; null for what is none, or empty. */
function parseTargeted(value: string): Directives | null {
  const dictionary = dictionaryOf(value);
  if (dictionary === null || dictionary.size === 0) return null;
  const directives = new Map<string, readonly (string | null)[]>();
  for (const [name, [bare]] of dictionary) {
    const argument = argumentOf(name, bare);
    if (argument !== undefined) directives.set(name, [argument]);
  }
  return directives;
}

function dictionaryOf(value: string): ReadonlyMap<string, readonly [unknown, unknown]> | null {
  try {
    return parseDictionary(value);
  } catch {
    return null;
  }
}

/** Undefined for a directive of another type than it has: it is ignored (RFC 9213 §2.1). */
function argumentOf(name: string, bare: unknown): string | null | undefined {
  if (DELTAS.has(name)) return Number.isInteger(bare) ? String(bare) : undefined;
  if (bare === false) return undefined;
  if (typeof bare === 'string') return bare;
  return bare instanceof Token ? bare.toString() : null;
}
