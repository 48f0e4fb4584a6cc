import { MediaError } from '../media-error.ts';

/** What the sequence parameter set says of the picture (ITU-T H.264 §7.3.2.1). */
export interface AvcSps {
  readonly profile: number;
  readonly compatibility: number;
  readonly level: number;
  /** after cropping, in pixels */
  readonly width: number;
  readonly height: number;
  /** frames per second, when the stream says so */
  readonly frameRate?: readonly [numerator: number, denominator: number];
}

/** A whole SPS NAL unit, header byte included. @throws MediaError */
export function parseSps(nal: Uint8Array): AvcSps {
  throw new MediaError('not_written_yet', nal.length, 'parseSps');
}
