import type { AacConfig } from '../codec/aac.ts';
import type { AvcConfig } from '../codec/avc.ts';
import { MediaError } from '../media-error.ts';

/** What fragments may leave out because the header's trex says it (ISO/IEC 14496-12 §8.8.3). */
export interface SampleDefaults {
  readonly durationTicks: number;
  readonly sizeBytes: number;
  /** the 32 sample flags of §8.8.3.1 */
  readonly flags: number;
}

/** The header of a CMAF track: one track, no samples. */
export interface TrackInit {
  readonly trackId: number;
  readonly timescale: number;
  readonly kind: 'video' | 'audio';
  /** RFC 6381 */
  readonly codec: string;
  /** coded size of video, in pixels */
  readonly width?: number;
  readonly height?: number;
  readonly channels?: number;
  readonly sampleRate?: number;
  /** ISO 639-2/T; absent when undetermined */
  readonly language?: string;
  /** the whole avc1 or mp4a box, verbatim */
  readonly sampleEntry: Uint8Array;
  readonly avc?: AvcConfig;
  readonly aac?: AacConfig;
  /** from trex; `parseFragments` applies them */
  readonly defaults?: SampleDefaults;
  /** from the edit list: added to every sample's times by `parseFragments`, so that samples are on the presentation timeline */
  readonly editShiftTicks?: number;
}

/**
 * Reads ftyp + moov of a file with exactly one track.
 * @throws MediaError
 */
export function parseInit(bytes: Uint8Array): TrackInit {
  throw new MediaError('not_written_yet', bytes.length, 'parseInit');
}

/**
 * Writes ftyp + moov with CMAF brands, no edit list and no user data: equal inputs give equal bytes.
 * `defaults` and `editShiftTicks` are not written: fragments of `writeFragment` need neither.
 * @throws MediaError when a value does not fit its field
 */
export function writeInit(init: TrackInit): Uint8Array {
  throw new MediaError('not_written_yet', 0, init.codec);
}
