/** MPEG-TS out of CMAF: one video and one audio segment into one, or either alone. */

import { type TrackInit, parseInit } from '@headwater/media/mp4/init';
import { muxSegment } from '@headwater/media/ts/mux';

/** A track's header and one of its segments, as the origin made them. */
export interface CmafInput {
  readonly init: Uint8Array;
  readonly segment: Uint8Array;
}

/**
 * Any edge makes the same bytes: the mux starts every segment at continuity 0.
 * @throws MediaError for bytes that are no CMAF
 */
export function assembleTs(first: CmafInput, second: CmafInput | undefined): Buffer {
  const inputs: { -readonly [kind in TrackInit['kind']]?: { init: TrackInit; segment: Uint8Array } } = {};
  for (const input of second === undefined ? [first] : [first, second]) {
    const init = parseInit(input.init);
    inputs[init.kind] = { init, segment: input.segment };
  }
  const bytes = muxSegment(inputs);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
