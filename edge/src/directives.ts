/** What a query asks of a playlist or MPD. What is not known is ignored (RFC 8216bis §6.2.5). */

import type { ProblemCode } from '@headwater/protocol/problem';
import type { Wanted } from './timeline-reading.ts';

export interface Directives {
  /** `_HLS_msn` and `_HLS_part`: wait for this */
  readonly wanted: Wanted | null;
  /** `_HLS_skip`: a delta update will do */
  readonly skip: boolean;
  /** `from`: time shift, Unix time in whole milliseconds */
  readonly fromMs: number | undefined;
}

export type DirectivesVerdict =
  | { readonly ok: true; readonly directives: Directives }
  | { readonly ok: false; readonly code: ProblemCode; readonly detail: string };

const NONE: DirectivesVerdict = { ok: true, directives: { wanted: null, skip: false, fromMs: undefined } };
const WHOLE_NUMBER = /^\d{1,15}$/;
const SECONDS = /^\d{1,12}(\.\d{1,6})?$/;

/** Reads a query without its question mark. Of a directive given twice the first counts. */
export function readDirectives(query: string): DirectivesVerdict {
  if (query === '') return NONE;
  const msn = valueOf(query, '_HLS_msn');
  const part = valueOf(query, '_HLS_part');
  const from = valueOf(query, 'from');
  const skip = valueOf(query, '_HLS_skip');
  if (part !== null && msn === null) {
    return { ok: false, code: 'hls_part_without_msn', detail: '_HLS_part needs _HLS_msn' };
  }
  if (msn !== null && !WHOLE_NUMBER.test(msn)) return bad('_HLS_msn wants a whole number');
  if (part !== null && !WHOLE_NUMBER.test(part)) return bad('_HLS_part wants a whole number');
  if (from !== null && !SECONDS.test(from)) return bad('from wants seconds since 1970');
  return {
    ok: true,
    directives: {
      wanted: msn === null ? null : { msn: Number(msn), part: part === null ? null : Number(part) },
      skip: skip === 'YES' || skip === 'v2',
      fromMs: from === null ? undefined : wholeMs(from),
    },
  };
}

function bad(detail: string): DirectivesVerdict {
  return { ok: false, code: 'bad_field', detail };
}

/** Exactly: what is written of it into a playlist must read as the same moment. */
function wholeMs(seconds: string): number {
  const [whole, fraction = ''] = seconds.split('.');
  return Number(whole) * 1000 + Number(fraction.slice(0, 3).padEnd(3, '0'));
}

function valueOf(query: string, name: string): string | null {
  const prefix = `${name}=`;
  const pair = query.split('&').find((candidate) => candidate.startsWith(prefix));
  return pair === undefined ? null : pair.slice(prefix.length);
}
