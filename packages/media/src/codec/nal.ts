/** NAL units of H.264 in their two framings: length-prefixed (MP4, FLV) and Annex B start codes (TS). */
import { MediaError } from '../media-error.ts';

/** Types of ITU-T H.264 table 7-1 that we look at. */
export const NAL_IDR = 5;
export const NAL_SEI = 6;
export const NAL_SPS = 7;
export const NAL_PPS = 8;
export const NAL_AUD = 9;

/** What we write: a start code, or a length. */
const PREFIX_BYTES = 4;

/**
 * Calls `visit` with the bounds of each NAL unit of a length-prefixed sample; the type is `data[start] & 31`. Allocates nothing.
 * @throws MediaError `nal_length` when a unit is empty or runs over the end
 */
export function eachNal(data: Uint8Array, lengthSize: number, visit: (start: number, end: number) => void): void {
  let at = 0;
  while (at < data.length) {
    const start = at + lengthSize;
    let length = 0;
    for (; at < start; at += 1) length = length * 256 + (data[at] ?? 0);
    if (length === 0 || start + length > data.length) {
      throw new MediaError('nal_length', start - lengthSize, `a NAL unit of ${length} bytes`);
    }
    at = start + length;
    visit(start, at);
  }
}

/** Calls `visit` with the bounds of each NAL unit between start codes (ITU-T H.264 §B.1). What stands before the first is passed over. */
export function eachAnnexBNal(data: Uint8Array, visit: (start: number, end: number) => void): void {
  let start = endOfStartCode(data, 0);
  while (start < data.length) {
    const next = endOfStartCode(data, start);
    let end = next > data.length ? data.length : next - 3;
    // A unit ends in a bit of 1: zero bytes before a start code are padding.
    while (end > start && data[end - 1] === 0) end -= 1;
    if (end > start) visit(start, end);
    start = next;
  }
}

/** The index behind the next 0 0 1 from `from` on; above the length when there is none. */
function endOfStartCode(data: Uint8Array, from: number): number {
  for (let index = data.indexOf(1, from + 2); index !== -1; index = data.indexOf(1, index + 1)) {
    if (data[index - 1] === 0 && data[index - 2] === 0) return index + 1;
  }
  return data.length + 1;
}

/** A length-prefixed sample as Annex B with start codes of 4 bytes. @throws MediaError `nal_length` */
export function toAnnexB(data: Uint8Array, lengthSize: number): Uint8Array {
  let size = 0;
  eachNal(data, lengthSize, (start, end) => (size += PREFIX_BYTES + end - start));
  const target = new Uint8Array(size);
  let at = 0;
  eachNal(data, lengthSize, (start, end) => {
    target[at + PREFIX_BYTES - 1] = 1;
    target.set(data.subarray(start, end), at + PREFIX_BYTES);
    at += PREFIX_BYTES + end - start;
  });
  return target;
}

/** An Annex B access unit with lengths of 4 bytes. */
export function fromAnnexB(data: Uint8Array): Uint8Array {
  let size = 0;
  eachAnnexBNal(data, (start, end) => (size += PREFIX_BYTES + end - start));
  const target = new Uint8Array(size);
  const lengths = new DataView(target.buffer);
  let at = 0;
  eachAnnexBNal(data, (start, end) => {
    lengths.setUint32(at, end - start);
    target.set(data.subarray(start, end), at + PREFIX_BYTES);
    at += PREFIX_BYTES + end - start;
  });
  return target;
}
