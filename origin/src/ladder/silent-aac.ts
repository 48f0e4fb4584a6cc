/** Silence in AAC-LC. A frame is composed silence (ISO/IEC 14496-3 §4.4.2): every element there, every spectrum empty. */

import type { AacConfig } from '@headwater/media/codec/aac';
import { writeAacFrameBody } from '@headwater/media/flv/tag-body';

/** Syntactic elements by channel configuration (table 1.19): single, pair, low frequency. */
const ELEMENTS: readonly (readonly Element[])[] = [
  [],
  ['single'],
  ['pair'],
  ['single', 'pair'],
  ['single', 'pair', 'single'],
  ['single', 'pair', 'pair'],
  ['single', 'pair', 'pair', 'lfe'],
  ['single', 'pair', 'pair', 'pair', 'lfe'],
];

type Element = 'single' | 'pair' | 'lfe';

const ELEMENT_ID: Record<Element, number> = { single: 0, pair: 1, lfe: 3 };
const END = 7;
/** global_gain, ics_info (reserved, window sequence and shape, max_sfb, predictor), pulse, tns and gain control flags: all 0. */
const EMPTY_CHANNEL_BITS = 8 + 1 + 2 + 1 + 6 + 1 + 3;

/**
 * @param channelConfig 1…7
 * @returns null for a configuration that is not in the table
 */
export function silentAacFrame(channelConfig: number): Uint8Array | null {
  const elements = ELEMENTS[channelConfig];
  if (elements === undefined || elements.length === 0) return null;
  let bits = '';
  const tags = { single: 0, pair: 0, lfe: 0 };
  for (const element of elements) {
    bits += binary(ELEMENT_ID[element], 3) + binary(tags[element]++, 4);
    if (element === 'pair') bits += binary(0, 1 + EMPTY_CHANNEL_BITS);
    bits += binary(0, EMPTY_CHANNEL_BITS);
  }
  bits += binary(END, 3);
  const frame = new Uint8Array(Math.ceil(bits.length / 8));
  return frame.map((_, index) => parseInt(bits.slice(8 * index, 8 * index + 8).padEnd(8, '0'), 2));
}

function binary(value: number, width: number): string {
  return value.toString(2).padStart(width, '0');
}

/** One frame of silence as an FLV tag body, and how long it lasts. */
export interface Silence {
  readonly payload: Uint8Array;
  readonly frameMs: number;
}

/** Silence in the shape of some sound, or null for a shape that it cannot be made in. */
export function silenceLike(config: AacConfig): Silence | null {
  const frame = silentAacFrame(config.channelConfig);
  if (frame === null) return null;
  return { payload: writeAacFrameBody(frame), frameMs: (config.frameSamples * 1000) / config.coreSampleRate };
}
