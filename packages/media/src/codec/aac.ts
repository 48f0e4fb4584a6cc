import { MediaError } from '../media-error.ts';

/** AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1) of AAC. */
export interface AacConfig {
  /** 2 is AAC-LC; 5 and 29 are HE-AAC and HE-AAC v2 */
  readonly objectType: number;
  /** of the decoded sound, in Hz: with explicit SBR signalling the doubled rate */
  readonly sampleRate: number;
  /** of the core coder: what ADTS carries */
  readonly coreSampleRate: number;
  /** table 1.19; 0 means that a program config element in `asc` says it */
  readonly channelConfig: number;
  readonly channels: number;
  /** PCM samples per frame at `coreSampleRate`: 1024 or 960 */
  readonly frameSamples: number;
  /** the record itself, verbatim */
  readonly asc: Uint8Array;
}

/** An AudioSpecificConfig: of an esds, or of an FLV AAC sequence header. @throws MediaError */
export function parseAudioSpecificConfig(asc: Uint8Array): AacConfig {
  throw new MediaError('not_written_yet', asc.length, 'parseAudioSpecificConfig');
}

/** A minimal AudioSpecificConfig for AAC-LC. @throws MediaError for a rate or a channel count outside the tables */
export function writeAudioSpecificConfig(source: { sampleRate: number; channels: number }): Uint8Array {
  throw new MediaError('not_written_yet', 0, String(source.channels));
}

/** RFC 6381 §3.3: `mp4a.40.N`. */
export function aacCodecString(config: AacConfig): string {
  return `mp4a.40.${config.objectType}`;
}

export const ADTS_HEADER_BYTES = 7;

/**
 * Writes the ADTS header (ISO/IEC 14496-3 §1.A.2.2) of one frame of `frameBytes` payload bytes into `target` at `at`.
 * @throws MediaError when ADTS cannot say it: object type above 4, a rate outside the table, a frame above 8184 bytes
 */
export function writeAdtsHeader(config: AacConfig, frameBytes: number, target: Uint8Array, at: number): void {
  throw new MediaError('not_written_yet', at, String(config.channels + frameBytes + target.length));
}
