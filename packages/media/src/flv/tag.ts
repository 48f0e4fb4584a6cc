/** Writes FLV (Adobe Flash Video File Format Specification 10.1, annex E): a header, then tags. */
import { MediaError } from '../media-error.ts';

const TAG_TYPE = { audio: 8, video: 9, data: 18 } as const;
const HEADER_BYTES = 9;
const TAG_HEADER_BYTES = 11;
const SIZE_FIELD_BYTES = 4;

/** A tag's body is at most this long: its size has 24 bits. */
export const MAX_TAG_BODY_BYTES = 0xff_ff_ff;

/** A timestamp is at most this, in ms: it has 32 bits. */
export const MAX_TIMESTAMP_MS = 0xff_ff_ff_ff;

/** The file header and the first PreviousTagSize (E.2, E.3). */
export function flvHeader(has: { readonly audio: boolean; readonly video: boolean }): Uint8Array {
  const flags = (has.audio ? 4 : 0) | (has.video ? 1 : 0);
  return Uint8Array.of(0x46, 0x4c, 0x56, 1, flags, 0, 0, 0, HEADER_BYTES, 0, 0, 0, 0);
}

/**
 * One tag with the PreviousTagSize behind it (E.4.1).
 * @param timestampMs whole milliseconds, 0…2³²−1
 * @throws MediaError `field_range` when the body or the timestamp does not fit its field
 */
export function flvTag(type: keyof typeof TAG_TYPE, timestampMs: number, body: Uint8Array): Uint8Array {
  if (body.length > MAX_TAG_BODY_BYTES) throw new MediaError('field_range', 1, `an FLV tag of ${body.length} bytes`);
  if (!Number.isInteger(timestampMs) || timestampMs < 0 || timestampMs > MAX_TIMESTAMP_MS) {
    throw new MediaError('field_range', 4, `an FLV timestamp of ${timestampMs} ms`);
  }
  const tagBytes = TAG_HEADER_BYTES + body.length;
  const out = new Uint8Array(tagBytes + SIZE_FIELD_BYTES);
  const view = new DataView(out.buffer);
  view.setUint32(0, (TAG_TYPE[type] << 24) | body.length);
  // The low 24 bits come first, the upper 8 after them (TimestampExtended); the stream id behind is 0.
  view.setUint32(4, ((timestampMs << 8) | (timestampMs >>> 24)) >>> 0);
  out.set(body, TAG_HEADER_BYTES);
  view.setUint32(tagBytes, tagBytes);
  return out;
}
