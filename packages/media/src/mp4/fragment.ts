import { MediaError } from '../media-error.ts';
import type { TrackInit } from './init.ts';
import type { Sample } from './sample.ts';

/** When the first sample of a fragment was captured or encoded (prft, ISO/IEC 14496-12 §8.16.5). */
export interface ProducerReferenceTime {
  /** Unix time in ms; fractions are kept to about a nanosecond in the file */
  readonly wallClockMs: number;
  readonly mediaTimeTicks: number;
  /** 0 entered the encoder, 1 left it, 24 captured; others as the standard says */
  readonly flags: number;
}

/** One track's run of samples out of a moof and its mdat. */
export interface Fragment {
  readonly sequence: number;
  readonly trackId: number;
  readonly baseDecodeTicks: number;
  /** `data` are views of the parsed bytes */
  readonly samples: Sample[];
  /** the prft that stood before the moof */
  readonly prft?: ProducerReferenceTime;
}

export interface FragmentSource {
  readonly sequence: number;
  readonly trackId: number;
  /** in decode order, at least one; a sample's duration in the file runs to the next sample's decode time */
  readonly samples: readonly Sample[];
  /** start with a styp, as the first part of a segment does */
  readonly styp?: boolean;
  readonly prft?: ProducerReferenceTime;
}

/**
 * Reads any concatenation of [styp] [prft] moof mdat, as segments and parts are. Samples are on the presentation timeline when
 * `init` is given (its edit list and defaults are applied).
 * @throws MediaError
 */
export function parseFragments(bytes: Uint8Array, init?: TrackInit): Fragment[] {
  throw new MediaError('not_written_yet', bytes.length, String(init?.codec));
}

/**
 * Writes one CMAF chunk: [styp] [prft] moof mdat, in one allocation.
 * @throws MediaError when there is no sample, decode times do not ascend, or a value does not fit its field
 */
export function writeFragment(source: FragmentSource): Uint8Array {
  throw new MediaError('not_written_yet', 0, String(source.sequence));
}
