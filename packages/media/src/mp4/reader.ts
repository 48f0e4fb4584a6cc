import { MediaError } from '../media-error.ts';
import type { Fragment } from './fragment.ts';
import type { TrackInit } from './init.ts';

export type ReaderEvent =
  | { readonly kind: 'init'; readonly init: TrackInit; /** ftyp and moov as they came */ readonly bytes: Uint8Array }
  | { readonly kind: 'fragment'; readonly fragment: Fragment };

/**
 * Reads a fragmented MP4 as it comes from a pipe, in chunks of any size. Samples are views of the pushed chunk where it held the
 * whole mdat, else of a buffer of their own: a chunk must not be reused by the caller.
 */
export class FragmentReader {
  /**
   * What became whole with this chunk, in file order.
   * @throws MediaError with an offset into the stream; the reader throws the same one from then on
   */
  push(chunk: Uint8Array): ReaderEvent[] {
    throw new MediaError('not_written_yet', chunk.length, 'push');
  }
}
