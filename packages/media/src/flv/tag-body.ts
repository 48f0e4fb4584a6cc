/** Reads the first bytes of FLV audio and video tag bodies: what kind of packet it is, and where its data starts. */

/** A body that is too short, or of a codec other than the one this package handles, is `other`. */
export type VideoBody =
  | { readonly kind: 'sequence-header'; /** an AVCDecoderConfigurationRecord */ readonly data: Uint8Array }
  | {
      readonly kind: 'frame';
      readonly keyframe: boolean;
      /** presentation minus decode time, ms, signed */
      readonly compositionMs: number;
      /** length-prefixed NAL units */
      readonly data: Uint8Array;
    }
  | { readonly kind: 'end' }
  | { readonly kind: 'other' };

export type AudioBody =
  | { readonly kind: 'sequence-header'; /** an AudioSpecificConfig */ readonly data: Uint8Array }
  | { readonly kind: 'frame'; /** one raw AAC frame */ readonly data: Uint8Array }
  | { readonly kind: 'other' };

const AVC = 7;
const AAC = 10;
/** the top bit marks the packets of Enhanced RTMP, whose codecs are named by a FourCC */
const ENHANCED = 0x80;
const KEYFRAME = 1;
const VIDEO_PREFIX_BYTES = 5;
const AUDIO_PREFIX_BYTES = 2;

/** A video tag's body (E.4.3.1, E.4.3.2). Data are views. */
export function readVideoBody(body: Uint8Array): VideoBody {
  const [first, packetType] = body;
  if (first === undefined || packetType === undefined || body.length < VIDEO_PREFIX_BYTES) return { kind: 'other' };
  if ((first & ENHANCED) !== 0 || (first & 0x0f) !== AVC) return { kind: 'other' };
  const data = body.subarray(VIDEO_PREFIX_BYTES);
  if (packetType === 0) return { kind: 'sequence-header', data };
  if (packetType === 1)
    return { kind: 'frame', keyframe: first >> 4 === KEYFRAME, compositionMs: int24(body, 2), data };
  return packetType === 2 ? { kind: 'end' } : { kind: 'other' };
}

/** An audio tag's body (E.4.2.1, E.4.2.2). Data are views. */
export function readAudioBody(body: Uint8Array): AudioBody {
  const [first, packetType] = body;
  if (first === undefined || first >> 4 !== AAC || body.length < AUDIO_PREFIX_BYTES) return { kind: 'other' };
  const data = body.subarray(AUDIO_PREFIX_BYTES);
  if (packetType === 0) return { kind: 'sequence-header', data };
  return packetType === 1 ? { kind: 'frame', data } : { kind: 'other' };
}

/** The body of an AAC sequence header (E.4.2.1: the rate and size bits are fixed for AAC). */
export function writeAacHeaderBody(audioSpecificConfig: Uint8Array): Uint8Array {
  return prefixed([0xaf, 0], audioSpecificConfig);
}

/** The body of one raw AAC frame. */
export function writeAacFrameBody(frame: Uint8Array): Uint8Array {
  return prefixed([0xaf, 1], frame);
}

function prefixed(prefix: readonly number[], data: Uint8Array): Uint8Array {
  const out = new Uint8Array(prefix.length + data.length);
  out.set(prefix);
  out.set(data, prefix.length);
  return out;
}

function int24(bytes: Uint8Array, at: number): number {
  const [high = 0, middle = 0, low = 0] = bytes.subarray(at, at + 3);
  return ((high << 24) | (middle << 16) | (low << 8)) >> 8;
}
