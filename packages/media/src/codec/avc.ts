/** The H.264 decoder configuration of MP4 and FLV (ISO/IEC 14496-15 §5.3.3.1). */
import { ByteReader } from '../byte-reader.ts';
import { ByteWriter } from '../byte-writer.ts';
import { MediaError } from '../media-error.ts';

/** AVCDecoderConfigurationRecord. */
export interface AvcConfig {
  readonly profile: number;
  readonly compatibility: number;
  readonly level: number;
  /** bytes of a NAL unit's length prefix: 1, 2 or 4 */
  readonly lengthSize: number;
  /** NAL units without start code or length */
  readonly sps: readonly Uint8Array[];
  readonly pps: readonly Uint8Array[];
  /** only in the high profiles, and not every writer writes it */
  readonly high?: {
    readonly chromaFormat: number;
    readonly bitDepthLuma: number;
    readonly bitDepthChroma: number;
    readonly spsExt: readonly Uint8Array[];
  };
}

/** Profiles whose record ends without the `high` fields. */
const PLAIN_PROFILES: ReadonlySet<number> = new Set([66, 77, 88]);

const LENGTH_SIZES: ReadonlySet<number> = new Set([1, 2, 4]);

/** The bits that the record holds at 1. */
const RESERVED_6 = 0xfc;
const RESERVED_5 = 0xf8;
const RESERVED_3 = 0xe0;

/**
 * The body of an avcC box, or of an FLV AVC sequence header. The parameter sets are views of `bytes`.
 * @throws MediaError `avc_version`, `avc_length_size`, `truncated`
 */
export function parseAvcConfig(bytes: Uint8Array): AvcConfig {
  const reader = new ByteReader(bytes);
  const version = reader.u8();
  if (version !== 1) throw new MediaError('avc_version', 0, `an AVC configuration of version ${version}`);
  const profile = reader.u8();
  const compatibility = reader.u8();
  const level = reader.u8();
  const lengthSize = (reader.u8() & 3) + 1;
  if (!LENGTH_SIZES.has(lengthSize)) throw new MediaError('avc_length_size', 4, 'NAL unit lengths of 3 bytes');
  const sps = readNalUnits(reader, reader.u8() & 31);
  const pps = readNalUnits(reader, reader.u8());
  const config = { profile, compatibility, level, lengthSize, sps, pps };
  if (PLAIN_PROFILES.has(profile) || reader.left < 4) return config;
  return {
    ...config,
    high: {
      chromaFormat: reader.u8() & 3,
      bitDepthLuma: (reader.u8() & 7) + 8,
      bitDepthChroma: (reader.u8() & 7) + 8,
      spsExt: readNalUnits(reader, reader.u8()),
    },
  };
}

function readNalUnits(reader: ByteReader, count: number): Uint8Array[] {
  const units: Uint8Array[] = [];
  for (let index = 0; index < count; index += 1) units.push(reader.take(reader.u16()));
  return units;
}

/** @throws MediaError `field_range` when a value does not fit its field, `avc_length_size` */
export function writeAvcConfig(config: AvcConfig): Uint8Array {
  const { sps, pps, high } = config;
  const units = [...sps, ...pps, ...(high?.spsExt ?? [])];
  const capacity = units.reduce((size, unit) => size + 2 + unit.length, 7 + 4);
  const writer = new ByteWriter(capacity);
  writer.u8(1);
  writer.u8(config.profile);
  writer.u8(config.compatibility);
  writer.u8(config.level);
  if (!LENGTH_SIZES.has(config.lengthSize)) {
    throw new MediaError('avc_length_size', writer.position, `NAL unit lengths of ${config.lengthSize} bytes`);
  }
  writeLowBits(writer, RESERVED_6, config.lengthSize - 1);
  writeLowBits(writer, RESERVED_3, sps.length);
  writeNalUnits(writer, sps);
  writer.u8(pps.length);
  writeNalUnits(writer, pps);
  if (high !== undefined) {
    if (PLAIN_PROFILES.has(config.profile)) {
      throw new MediaError('field_range', writer.position, `profile ${config.profile} has no field of chroma`);
    }
    writeLowBits(writer, RESERVED_6, high.chromaFormat);
    writeLowBits(writer, RESERVED_5, high.bitDepthLuma - 8);
    writeLowBits(writer, RESERVED_5, high.bitDepthChroma - 8);
    writer.u8(high.spsExt.length);
    writeNalUnits(writer, high.spsExt);
  }
  return writer.done();
}

/** A value in the bits that `reserved` leaves free. */
function writeLowBits(writer: ByteWriter, reserved: number, value: number): void {
  const most = 0xff - reserved;
  if (!Number.isInteger(value) || value < 0 || value > most) {
    throw new MediaError('field_range', writer.position, `${value} does not fit 0…${most}`);
  }
  writer.u8(reserved | value);
}

function writeNalUnits(writer: ByteWriter, units: readonly Uint8Array[]): void {
  for (const unit of units) {
    writer.u16(unit.length);
    writer.put(unit);
  }
}

/** RFC 6381 §3.3: the sample entry and profile, compatibility and level in hexadecimal, such as `avc1.64001f`. @throws MediaError `field_range` */
export function avcCodecString(config: AvcConfig, sampleEntry: 'avc1' | 'avc3' = 'avc1'): string {
  const writer = new ByteWriter(3);
  for (const byte of [config.profile, config.compatibility, config.level]) writer.u8(byte);
  const hex = Array.from(writer.done(), (byte) => byte.toString(16).padStart(2, '0')).join('');
  return `${sampleEntry}.${hex}`;
}
