/** Which stretch of an unknown object to ask for when a viewer wants a part of it. */

import { valueOf } from '../http-cache/fields.ts';
import type { RequestHead } from '../http-cache/request-head.ts';
import { SLICE_BYTES } from '../tiers/tier-entry.ts';

const ONE_RANGE = /^bytes=(\d{1,15})-(\d{1,15})?$/i;
const SUFFIX = /^bytes=-\d{1,15}$/i;

/**
 * The value of Range for the upstream: the viewer's range, widened to whole slices, so that what is stored can be used again.
 * @returns null for the whole: no range, one from the first byte to the end, or several
 */
export function widenedRange({ method, fields }: RequestHead): string | null {
  const range = method === 'GET' ? valueOf(fields, 'range') : undefined;
  if (range === undefined) return null;
  if (SUFFIX.test(range)) return range;
  const one = ONE_RANGE.exec(range);
  if (one === null) return null;
  const first = Math.floor(Number(one[1]) / SLICE_BYTES) * SLICE_BYTES;
  if (one[2] === undefined) return first === 0 ? null : `bytes=${first}-`;
  const last = Number(one[2]);
  if (last < Number(one[1])) return null;
  return `bytes=${first}-${(Math.floor(last / SLICE_BYTES) + 1) * SLICE_BYTES - 1}`;
}
