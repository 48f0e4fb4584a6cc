/** The H.264 sequence parameter set (ITU-T H.264 §7.3.2.1.1, annex E for the VUI). */
import { MediaError } from '../media-error.ts';
import { BitReader } from './bit-reader.ts';
import { NAL_SPS } from './nal.ts';

type FrameRate = readonly [numerator: number, denominator: number];

export interface AvcSps {
  readonly profile: number;
  readonly compatibility: number;
  readonly level: number;
  /** after cropping, in pixels */
  readonly width: number;
  readonly height: number;
  /** in lowest terms, when the stream says that it has one */
  readonly frameRate?: FrameRate;
  /** what it counts times in, when it has no fixed rate: most encoders' frame rate, others' millisecond */
  readonly clockRate?: FrameRate;
  /** how many frames can be decoded before one that is shown ahead of them: 0 means that decode order is display order */
  readonly reorderFrames: number;
}

/** A longer SPS is an error: with every scaling list written out it has some 500 bytes. */
export const SPS_LIMIT_BYTES = 4096;

/** A larger picture is an error: the height and width of level 6.2 (table A-1: √(139264 × 8) macroblocks). */
export const SPS_SIZE_LIMIT_PIXELS = 16_888;

/** More frames than this in a picture order cycle are an error (§7.4.2.1.1). */
const ORDER_CYCLE_LIMIT = 255;

/** Profiles whose SPS carries chroma format, bit depths and scaling lists (§7.3.2.1.1). */
const HIGH_PROFILES: ReadonlySet<number> = new Set([100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135]);

/** cpb_cnt_minus1 is at most 31 (§E.2.2) */
const HRD_SCHEDULE_LIMIT = 32;

const BASELINE = 66;

/** pic_order_cnt_type 2: pictures are shown as they are decoded (§8.2.1.3) */
const ORDER_OF_DECODING = 2;

/** max_num_reorder_frames is at most the picture buffer, and that 16 frames (§A.3.1) */
const REORDER_LIMIT_FRAMES = 16;

/** aspect_ratio_idc that is followed by the ratio itself */
const EXTENDED_ASPECT = 255;

/**
 * A whole SPS NAL unit, header byte included.
 * @throws MediaError `sps_nal_type`, `sps_size`, `sps_field`, `truncated`; offsets count without emulation prevention bytes
 */
export function parseSps(nal: Uint8Array): AvcSps {
  if (nal.length > SPS_LIMIT_BYTES) throw new MediaError('sps_size', 0, `an SPS of ${nal.length} bytes`);
  const reader = new BitReader(withoutEmulation(nal));
  if ((reader.bits(8) & 31) !== NAL_SPS) throw new MediaError('sps_nal_type', 0, 'not a sequence parameter set');
  const profile = reader.bits(8);
  const compatibility = reader.bits(8);
  const level = reader.bits(8);
  reader.ue();
  const chroma = HIGH_PROFILES.has(profile) ? readChroma(reader) : PLAIN_CHROMA;
  reader.ue();
  const inDisplayOrder = readPictureOrder(reader) === ORDER_OF_DECODING || profile === BASELINE;
  const referenceFrames = reader.ue();
  reader.flag();
  const size = readSize(reader, chroma);
  const { timing, reorderFrames } = reader.flag() ? readVui(reader) : NO_VUI;
  return {
    profile,
    compatibility,
    level,
    ...size,
    ...timing,
    // Unsaid it is the size of the picture buffer (§E.2.1); frames that wait in it to be shown are references in practice.
    reorderFrames: inDisplayOrder ? 0 : Math.min(reorderFrames ?? referenceFrames, REORDER_LIMIT_FRAMES),
  };
}

/** Takes out the 3 of every 0 0 3 (§7.4.1). */
function withoutEmulation(nal: Uint8Array): Uint8Array {
  const plain = new Uint8Array(nal.length);
  let length = 0;
  let zeros = 0;
  for (const byte of nal) {
    if (zeros >= 2 && byte === 3) {
      zeros = 0;
      continue;
    }
    zeros = byte === 0 ? zeros + 1 : 0;
    plain[length] = byte;
    length += 1;
  }
  return plain.subarray(0, length);
}

/** Pixels per cropping unit (table 6-1). */
interface Chroma {
  readonly cropX: number;
  readonly cropY: number;
}

const PLAIN_CHROMA: Chroma = { cropX: 2, cropY: 2 };

function readChroma(reader: BitReader): Chroma {
  const format = reader.ue();
  if (format > 3) throw new MediaError('sps_field', reader.byteOffset, `chroma format ${format}`);
  const separatePlanes = format === 3 && reader.flag();
  reader.ue();
  reader.ue();
  reader.flag();
  if (reader.flag()) skipScalingMatrix(reader, format === 3 ? 12 : 8);
  if (separatePlanes) return { cropX: 1, cropY: 1 };
  return { cropX: format === 1 || format === 2 ? 2 : 1, cropY: format === 1 ? 2 : 1 };
}

function skipScalingMatrix(reader: BitReader, lists: number): void {
  for (let list = 0; list < lists; list += 1) {
    if (reader.flag()) skipScalingList(reader, list < 6 ? 16 : 64);
  }
}

/** §7.3.2.1.1.1: a list ends early where a scale of 0 says that the rest repeats. */
function skipScalingList(reader: BitReader, entries: number): void {
  let scale = 8;
  for (let entry = 0; entry < entries && scale !== 0; entry += 1) {
    scale = (scale + reader.se() + 256) & 255;
  }
}

function readPictureOrder(reader: BitReader): number {
  const kind = reader.ue();
  if (kind === 0) {
    reader.ue();
  } else if (kind === 1) {
    reader.flag();
    reader.se();
    reader.se();
    const cycle = reader.ue();
    if (cycle > ORDER_CYCLE_LIMIT) throw new MediaError('sps_field', reader.byteOffset, `${cycle} frames in a cycle`);
    for (let frame = 0; frame < cycle; frame += 1) reader.se();
  } else if (kind !== 2) {
    throw new MediaError('sps_field', reader.byteOffset, `picture order count type ${kind}`);
  }
  return kind;
}

function readSize(reader: BitReader, { cropX, cropY }: Chroma): { width: number; height: number } {
  let width = (reader.ue() + 1) * 16;
  const mapUnits = reader.ue() + 1;
  const framesOnly = reader.flag();
  const fieldFactor = framesOnly ? 1 : 2;
  let height = mapUnits * 16 * fieldFactor;
  if (!framesOnly) reader.flag();
  reader.flag();
  if (reader.flag()) {
    width -= (reader.ue() + reader.ue()) * cropX;
    height -= (reader.ue() + reader.ue()) * cropY * fieldFactor;
  }
  if (Math.min(width, height) < 1 || Math.max(width, height) > SPS_SIZE_LIMIT_PIXELS) {
    throw new MediaError('sps_field', reader.byteOffset, `a picture of ${width} × ${height}`);
  }
  return { width, height };
}

interface Vui {
  readonly timing: Pick<AvcSps, 'frameRate' | 'clockRate'>;
  readonly reorderFrames: number | undefined;
}

const NO_VUI: Vui = { timing: {}, reorderFrames: undefined };

/** The VUI (§E.1.1). Encoders exist that cut it off behind the timing; what is not there is then not said. */
function readVui(reader: BitReader): Vui {
  skipVideoSignal(reader);
  const timing = reader.flag() ? readTiming(reader) : {};
  try {
    return { timing, reorderFrames: readReorderFrames(reader) };
  } catch (error) {
    if (!(error instanceof MediaError)) throw error;
    return { timing, reorderFrames: undefined };
  }
}

function skipVideoSignal(reader: BitReader): void {
  if (reader.flag() && reader.bits(8) === EXTENDED_ASPECT) reader.bits(32);
  if (reader.flag()) reader.flag();
  if (reader.flag()) {
    reader.bits(4);
    if (reader.flag()) reader.bits(24);
  }
  if (reader.flag()) {
    reader.ue();
    reader.ue();
  }
}

/** A tick is a field: two make a frame (§E.2.1). Without fixed_frame_rate_flag a frame may last any number of them. */
function readTiming(reader: BitReader): Vui['timing'] {
  const unitsPerTick = reader.bits(32);
  const timescale = reader.bits(32);
  const isFixed = reader.flag();
  if (unitsPerTick === 0 || timescale === 0) return {};
  const divisor = greatestCommonDivisor(timescale, unitsPerTick * 2);
  const rate = [timescale / divisor, (unitsPerTick * 2) / divisor] as const;
  return isFixed ? { frameRate: rate } : { clockRate: rate };
}

/** max_num_reorder_frames of the bitstream restrictions, behind both HRD descriptions (§E.1.1, §E.1.2). */
function readReorderFrames(reader: BitReader): number | undefined {
  const nalHrd = reader.flag();
  if (nalHrd) skipHrd(reader);
  const vclHrd = reader.flag();
  if (vclHrd) skipHrd(reader);
  if (nalHrd || vclHrd) reader.flag();
  reader.flag();
  if (!reader.flag()) return undefined;
  reader.flag();
  for (let field = 0; field < 4; field += 1) reader.ue();
  return reader.ue();
}

function skipHrd(reader: BitReader): void {
  const schedules = reader.ue() + 1;
  if (schedules > HRD_SCHEDULE_LIMIT) throw new MediaError('sps_field', reader.byteOffset, `${schedules} schedules`);
  reader.bits(8);
  for (let schedule = 0; schedule < schedules; schedule += 1) {
    reader.ue();
    reader.ue();
    reader.flag();
  }
  reader.bits(20);
}

function greatestCommonDivisor(a: number, b: number): number {
  let [high, low] = [a, b];
  while (low !== 0) [high, low] = [low, high % low];
  return high;
}
