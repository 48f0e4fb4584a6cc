/** AAC: the AudioSpecificConfig of MP4 and FLV, and the ADTS header of TS (ISO/IEC 14496-3). */
import { MediaError } from '../media-error.ts';
import { BitReader } from './bit-reader.ts';

/** AudioSpecificConfig (§1.6.2.1) of AAC. */
export interface AacConfig {
  /** 2 is AAC-LC; 5 and 29 are HE-AAC and HE-AAC v2 */
  readonly objectType: number;
  /** of the core coder: what ADTS carries */
  readonly coreObjectType: number;
  /** of the decoded sound, in Hz: with SBR signalled, the doubled rate */
  readonly sampleRate: number;
  /** of the core coder: what ADTS carries */
  readonly coreSampleRate: number;
  /** table 1.19; 0 means that a program config element in `asc` says it */
  readonly channelConfig: number;
  /** of the decoded sound */
  readonly channels: number;
  /** PCM samples per frame at `coreSampleRate`: 1024 or 960 */
  readonly frameSamples: number;
  /** the record itself, verbatim */
  readonly asc: Uint8Array;
}

/** Table 1.18. */
const SAMPLE_RATES = [96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350];
const EXPLICIT_RATE = 15;
/** The rate that stands nowhere in the table: one that ADTS cannot say. */
const NO_INDEX = -1;

/** Table 1.19: by channelConfig; 0 stands for none. */
const CHANNELS = [0, 1, 2, 3, 4, 5, 6, 8, 0, 0, 0, 7, 8, 24, 8];

/** Table 1.17: Main, LC, SSR and LTP, the object types that ADTS can carry. */
const HIGHEST_CORE_TYPE = 4;
const AAC_LC = 2;
const SBR = 5;
const PS = 29;

const SBR_SYNC = 0x2b7;
const PS_SYNC = 0x548;

/**
 * An AudioSpecificConfig: of an esds, or of an FLV AAC sequence header.
 * @throws MediaError `audio_unsupported` for an object type that is not AAC, `audio_sample_rate`, `audio_channels`, `truncated`
 */
export function parseAudioSpecificConfig(asc: Uint8Array): AacConfig {
  const reader = new BitReader(asc);
  let objectType = readObjectType(reader);
  const coreSampleRate = readSampleRate(reader);
  const channelConfig = reader.bits(4);
  let sampleRate = coreSampleRate;
  let coreObjectType = objectType;
  if (objectType === SBR || objectType === PS) {
    sampleRate = readSampleRate(reader);
    coreObjectType = readObjectType(reader);
  }
  if (coreObjectType < 1 || coreObjectType > HIGHEST_CORE_TYPE) {
    throw new MediaError('audio_unsupported', 0, `audio object type ${coreObjectType}`);
  }
  const frameSamples = reader.flag() ? 960 : 1024;
  if (reader.flag()) reader.bits(14);
  reader.flag();
  let channels = channelConfig === 0 ? readProgramChannels(reader) : (CHANNELS[channelConfig] ?? 0);
  if (channels === 0) throw new MediaError('audio_channels', 1, `channel configuration ${channelConfig}`);
  // A program config element ends at a byte of its own; what writers put behind one says nothing of SBR.
  if (objectType <= HIGHEST_CORE_TYPE && channelConfig !== 0) {
    const extension = readExtension(reader);
    objectType = extension?.objectType ?? objectType;
    sampleRate = extension?.sampleRate ?? sampleRate;
  }
  // Parametric stereo makes two channels of one.
  if (objectType === PS && channels === 1) channels = 2;
  return { objectType, coreObjectType, sampleRate, coreSampleRate, channelConfig, channels, frameSamples, asc };
}

function readObjectType(reader: BitReader): number {
  const type = reader.bits(5);
  return type === 31 ? 32 + reader.bits(6) : type;
}

function readSampleRate(reader: BitReader): number {
  const at = reader.byteOffset;
  const index = reader.bits(4);
  const rate = index === EXPLICIT_RATE ? reader.bits(24) : SAMPLE_RATES[index];
  if (rate === undefined || rate === 0)
    throw new MediaError('audio_sample_rate', at, `sampling frequency index ${index}`);
  return rate;
}

/** The backward compatible signalling of SBR and PS at the end of the record (§1.6.6.1). */
function readExtension(reader: BitReader): { objectType: number; sampleRate: number } | undefined {
  if (reader.bitsLeft < 16 || reader.bits(11) !== SBR_SYNC) return undefined;
  if (readObjectType(reader) !== SBR || !reader.flag()) return undefined;
  const sampleRate = readSampleRate(reader);
  const stereo = reader.bitsLeft >= 12 && reader.bits(11) === PS_SYNC && reader.flag();
  return { objectType: stereo ? PS : SBR, sampleRate };
}

/** Channels of a program_config_element (§4.4.1.1). */
function readProgramChannels(reader: BitReader): number {
  reader.bits(4 + 2 + 4);
  const front = reader.bits(4);
  const side = reader.bits(4);
  const back = reader.bits(4);
  const lowFrequency = reader.bits(2);
  reader.bits(3 + 4);
  if (reader.flag()) reader.bits(4);
  if (reader.flag()) reader.bits(4);
  if (reader.flag()) reader.bits(3);
  let channels = lowFrequency;
  for (let element = 0; element < front + side + back; element += 1) {
    channels += reader.flag() ? 2 : 1;
    reader.bits(4);
  }
  return channels;
}

/**
 * The AudioSpecificConfig of AAC-LC with frames of 1024.
 * @throws MediaError `audio_channels` for a count that has no configuration, `field_range` for a rate above 24 bits
 */
export function writeAudioSpecificConfig(source: { sampleRate: number; channels: number }): Uint8Array {
  const { sampleRate, channels } = source;
  const channelConfig = CHANNELS.indexOf(channels);
  if (channelConfig < 1) throw new MediaError('audio_channels', 0, `${channels} channels have no configuration`);
  if (!Number.isInteger(sampleRate) || sampleRate < 1 || sampleRate > 0xff_ffff) {
    throw new MediaError('field_range', 0, `a sample rate of ${sampleRate}`);
  }
  const index = SAMPLE_RATES.indexOf(sampleRate);
  if (index !== NO_INDEX) {
    const word = (AAC_LC << 11) | (index << 7) | (channelConfig << 3);
    return Uint8Array.of(word >>> 8, word & 255);
  }
  const high = (AAC_LC << 11) | (EXPLICIT_RATE << 7) | (sampleRate >>> 17);
  const low = ((sampleRate & 0x1_ffff) << 7) | (channelConfig << 3);
  return Uint8Array.of(high >>> 8, high & 255, low >>> 16, (low >>> 8) & 255, low & 255);
}

/** RFC 6381 §3.3: `mp4a.40.N` with the audio object type. */
export function aacCodecString(config: AacConfig): string {
  return `mp4a.40.${config.objectType}`;
}

export const ADTS_HEADER_BYTES = 7;
/** aac_frame_length has 13 bits and counts the header. */
const ADTS_FRAME_LIMIT_BYTES = 0x1fff;
/** No header says anything else. */
const ADTS_FRAME_SAMPLES = 1_024;
/** channel_configuration has 3 bits; 0 would need the channels to be described in the stream itself. */
const ADTS_CHANNEL_CONFIG_LIMIT = 7;

/**
 * Writes the ADTS header (§1.A.2.2) of one frame of `frameBytes` bytes into `target` at `at`. SBR stays implicit, as ADTS has it.
 * @throws MediaError `adts` when the header cannot say it: a rate outside the table, channels that are not one of the seven
 *   configurations, frames of 960 samples, an object type that is not one of its four, a frame too long
 */
export function writeAdtsHeader(config: AacConfig, frameBytes: number, target: Uint8Array, at: number): void {
  const rateIndex = SAMPLE_RATES.indexOf(config.coreSampleRate);
  const length = frameBytes + ADTS_HEADER_BYTES;
  const { channelConfig, coreObjectType } = config;
  const isCore = coreObjectType >= 1 && coreObjectType <= HIGHEST_CORE_TYPE;
  const isSayable = isCore && rateIndex !== NO_INDEX && config.frameSamples === ADTS_FRAME_SAMPLES;
  const isChannels = channelConfig >= 1 && channelConfig <= ADTS_CHANNEL_CONFIG_LIMIT;
  if (!isSayable || !isChannels || length > ADTS_FRAME_LIMIT_BYTES) {
    throw new MediaError('adts', at, `${config.coreSampleRate} Hz, configuration ${channelConfig}, ${length} bytes`);
  }
  // syncword, MPEG-4, layer 0, no CRC
  target[at] = 0xff;
  target[at + 1] = 0xf1;
  target[at + 2] = ((coreObjectType - 1) << 6) | (rateIndex << 2) | (channelConfig >>> 2);
  target[at + 3] = ((channelConfig & 3) << 6) | (length >>> 11);
  target[at + 4] = (length >>> 3) & 255;
  // buffer fullness 0x7ff: variable bit rate; one raw data block
  target[at + 5] = ((length & 7) << 5) | 0x1f;
  target[at + 6] = 0xfc;
}
