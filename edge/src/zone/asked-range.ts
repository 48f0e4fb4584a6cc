/** Which stretch of an unknown object to ask for when a viewer wants a part of it. */

import { valueOf } from '../http-cache/fields.ts';
import { parseRanges } from '../http-cache/ranges.ts';
import type { RequestHead } from '../http-cache/request-head.ts';
import { SLICE_BYTES } from '../tiers/tier-entry.ts';

/** A stretch for the upstream. */
export interface AskedRange {
  /** the value of Range: what the viewer wants, or the first of it */
  readonly exact: string;
  /** the same in whole slices, so that what is stored can be used again */
  readonly widened: string;
  /** infinite where nobody knows the object's end yet */
  readonly wantedBytes: number;
}

/** One that names bytes, among others or alone. */
const SUFFIX = /[=,\s](-0*[1-9]\d*)/;

/** @returns null for the whole: no range, what is none, or one from the first byte to the end */
export function askedRange({ method, fields }: RequestHead): AskedRange | null {
  const value = method === 'GET' ? valueOf(fields, 'range') : undefined;
  if (value === undefined) return null;
  const asked = parseRanges(value, Infinity);
  if (asked.kind !== 'ranges') return null;
  // Of several the one that can be satisfied if any can: it tells what the object is, and then the others are fetched.
  const [, suffix] = SUFFIX.exec(value) ?? [];
  if (suffix !== undefined) return { exact: `bytes=${suffix}`, widened: `bytes=${suffix}`, wantedBytes: Infinity };
  const [first, last] = asked.ranges.reduce((nearest, range) => (range[0] < nearest[0] ? range : nearest));
  if (!Number.isSafeInteger(first)) return null;
  const from = first - (first % SLICE_BYTES);
  // Some players write 2⁶³ − 1 for the end.
  if (!Number.isSafeInteger(last + SLICE_BYTES))
    return from === 0 ? null : { exact: `bytes=${first}-`, widened: `bytes=${from}-`, wantedBytes: Infinity };
  const to = last - (last % SLICE_BYTES) + SLICE_BYTES - 1;
  return { exact: `bytes=${first}-${last}`, widened: `bytes=${from}-${to}`, wantedBytes: last - first + 1 };
}
