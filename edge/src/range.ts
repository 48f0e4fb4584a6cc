/** Byte ranges of a whole object (RFC 9110 §14.1.2). */

export type RangeVerdict =
  | { readonly kind: 'whole' }
  | { readonly kind: 'unsatisfiable' }
  | { readonly kind: 'part'; readonly firstByte: number; readonly lastByte: number };

// Some players write 2⁶³ − 1 for the end; what no number holds is Infinity, which is as good.
const ONE_RANGE = /^bytes=(\d*)-(\d*)$/i;
const WHOLE: RangeVerdict = { kind: 'whole' };
const UNSATISFIABLE: RangeVerdict = { kind: 'unsatisfiable' };

/**
 * Reads a Range header. Other units, several ranges and what does not parse are ignored, as RFC 9110 §14.2 allows: then the
 * whole is sent.
 */
export function readRange(header: string | undefined, sizeBytes: number): RangeVerdict {
  const match = header === undefined ? null : ONE_RANGE.exec(header);
  if (match === null) return WHOLE;
  const [, first = '', last = ''] = match;
  if (first === '') return last === '' ? WHOLE : suffix(Number(last), sizeBytes);
  const firstByte = Number(first);
  const lastByte = last === '' ? sizeBytes - 1 : Math.min(Number(last), sizeBytes - 1);
  if (last !== '' && Number(last) < firstByte) return WHOLE;
  return firstByte >= sizeBytes ? UNSATISFIABLE : { kind: 'part', firstByte, lastByte };
}

function suffix(lengthBytes: number, sizeBytes: number): RangeVerdict {
  if (lengthBytes === 0 || sizeBytes === 0) return UNSATISFIABLE;
  return { kind: 'part', firstByte: Math.max(0, sizeBytes - lengthBytes), lastByte: sizeBytes - 1 };
}

/**
 * Whether a list of tags holds one of ours, which are strong: If-None-Match compares weakly, If-Match strongly (RFC 9110
 * §8.8.3.2).
 */
export function listsTag(header: string, etag: string, comparison: 'weak' | 'strong'): boolean {
  if (header.trim() === '*') return true;
  return header.split(',').some((candidate) => {
    const tag = candidate.trim();
    return tag === etag || (comparison === 'weak' && tag === `W/${etag}`);
  });
}
