/** NAL units of H.264 in their two framings: length-prefixed (MP4, FLV) and Annex B start codes (TS). */
import { MediaError } from '../media-error.ts';

/** Types of ITU-T H.264 table 7-1 that we look at. */
export const NAL_IDR = 5;
export const NAL_SEI = 6;
export const NAL_SPS = 7;
export const NAL_PPS = 8;
export const NAL_AUD = 9;

/**
 * Calls `visit` with the bounds of each NAL unit of a length-prefixed sample; the type is `data[start] & 31`. No allocation.
 * @throws MediaError when a length runs over the end
 */
export function eachNal(data: Uint8Array, lengthSize: number, visit: (start: number, end: number) => void): void {
  throw new MediaError('not_written_yet', data.length, String(lengthSize) + String(visit));
}

/** Calls `visit` with the bounds of each NAL unit between Annex B start codes of 3 or 4 bytes. Never throws. */
export function eachAnnexBNal(data: Uint8Array, visit: (start: number, end: number) => void): void {
  visit(0, data.length);
}

/** A length-prefixed sample as Annex B with start codes of 4 bytes. @throws MediaError */
export function toAnnexB(data: Uint8Array, lengthSize: number): Uint8Array {
  throw new MediaError('not_written_yet', data.length, String(lengthSize));
}

/** An Annex B access unit with lengths of 4 bytes. */
export function fromAnnexB(data: Uint8Array): Uint8Array {
  return data;
}
