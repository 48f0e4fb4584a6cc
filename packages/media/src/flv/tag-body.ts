/** Reads the first bytes of FLV audio and video tag bodies: what kind of packet it is, and where its data starts. */

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
  /** a word to the player, such as the mark of a seek: nothing to show */
  | { readonly kind: 'command' }
  /** a codec other than H.264, or H.264 as Enhanced RTMP sends it: a FourCC, or FLV's number */
  | { readonly kind: 'foreign'; readonly codec: string }
  /** too short, or of a packet type that is none */
  | { readonly kind: 'other' };

/** A body that is too short, or of a codec other than AAC, is `other`. */
export type AudioBody =
  | { readonly kind: 'sequence-header'; /** an AudioSpecificConfig */ readonly data: Uint8Array }
  | { readonly kind: 'frame'; /** one raw AAC frame */ readonly data: Uint8Array }
  | { readonly kind: 'other' };

const AVC = 7;
const AAC = 10;
/** the top bit marks the packets of Enhanced RTMP, whose codecs are named by a FourCC */
const ENHANCED = 0x80;
const KEYFRAME = 1;
const COMMAND = 5;
const FOURCC = { from: 1, to: 5 } as const;
const VIDEO_PREFIX_BYTES = 5;
const AUDIO_PREFIX_BYTES = 2;

/** A video tag's body (E.4.3.1, E.4.3.2; Enhanced RTMP, "ExVideoTagHeader"). Data are views. */
export function readVideoBody(body: Uint8Array): VideoBody {
  const [first, packetType] = body;
  if (first === undefined || packetType === undefined) return { kind: 'other' };
  if (((first >> 4) & 7) === COMMAND) return { kind: 'command' };
  const isEnhanced = (first & ENHANCED) !== 0;
  if (!isEnhanced && (first & 0x0f) !== AVC) return { kind: 'foreign', codec: String(first & 0x0f) };
  if (body.length < VIDEO_PREFIX_BYTES) return { kind: 'other' };
  if (isEnhanced) return { kind: 'foreign', codec: printable(body.subarray(FOURCC.from, FOURCC.to)) };
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

/** For people to read, whatever the bytes are. */
function printable(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes.map((byte) => (byte > 0x20 && byte < 0x7f ? byte : 0x3f)));
}

function int24(bytes: Uint8Array, at: number): number {
  const [high = 0, middle = 0, low = 0] = bytes.subarray(at, at + 3);
  return ((high << 24) | (middle << 16) | (low << 8)) >> 8;
}
