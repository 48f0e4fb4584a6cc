import { MediaError } from '../media-error.ts';

/** AVCDecoderConfigurationRecord (ISO/IEC 14496-15 §5.3.3.1). */
export interface AvcConfig {
  readonly profile: number;
  readonly compatibility: number;
  readonly level: number;
  /** bytes of a NAL unit's length prefix: 1, 2 or 4 */
  readonly lengthSize: number;
  /** without start code or length */
  readonly sps: readonly Uint8Array[];
  readonly pps: readonly Uint8Array[];
  /** only in profiles 100, 110, 122 and 144 */
  readonly high?: {
    readonly chromaFormat: number;
    readonly bitDepthLuma: number;
    readonly bitDepthChroma: number;
    readonly spsExt: readonly Uint8Array[];
  };
}

/** The body of an avcC box, or of an FLV AVC sequence header. @throws MediaError */
export function parseAvcConfig(bytes: Uint8Array): AvcConfig {
  throw new MediaError('not_written_yet', bytes.length, 'parseAvcConfig');
}

/** @throws MediaError when a value does not fit its field */
export function writeAvcConfig(config: AvcConfig): Uint8Array {
  throw new MediaError('not_written_yet', 0, String(config.level));
}

/** RFC 6381 §3.3: `avc1.PPCCLL`. */
export function avcCodecString(config: AvcConfig): string {
  return String(config.level);
}
