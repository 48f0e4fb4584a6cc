/** stsd: the codec and its configuration (ISO/IEC 14496-12 §8.5.2, §12.1.3, §12.2.3; ISO/IEC 14496-15 §5.4.2). */
import { aacCodecString, parseAudioSpecificConfig, type AacConfig } from '../codec/aac.ts';
import { avcCodecString, parseAvcConfig, writeAvcConfig, type AvcConfig } from '../codec/avc.ts';
import { ByteReader } from '../byte-reader.ts';
import { ByteWriter } from '../byte-writer.ts';
import { MediaError, withBase } from '../media-error.ts';
import {
  childBoxes,
  fourCC,
  fourCCText,
  onlyBox,
  openFullBox,
  readBox,
  SHORT_HEADER_BYTES,
  writeContainer,
  type Box,
} from './box.ts';
import { ESDS, parseElementaryStream, writeElementaryStream } from './box-esds.ts';

export const STSD = fourCC('stsd');

const AVC1 = fourCC('avc1');
const AVC3 = fourCC('avc3');
const MP4A = fourCC('mp4a');
const AVCC = fourCC('avcC');

/** A sample entry longer than this is an error: it is kept, sent and compared for a stream's whole life. */
export const SAMPLE_ENTRY_LIMIT_BYTES = 64 * 1024;

/** Fields of a VisualSampleEntry and an AudioSampleEntry that stand before their boxes. */
const VISUAL_FIELDS_BYTES = 78;
const AUDIO_FIELDS_BYTES = 28;

interface EntryShape {
  /** RFC 6381 */
  readonly codec: string;
  /** the whole box, verbatim, in its own buffer */
  readonly sampleEntry: Uint8Array;
}

export interface VideoEntry extends EntryShape {
  readonly kind: 'video';
  readonly width: number;
  readonly height: number;
  readonly avc: AvcConfig;
}

export interface AudioEntry extends EntryShape {
  readonly kind: 'audio';
  readonly channels: number;
  readonly sampleRate: number;
  readonly aac: AacConfig;
}

export type SampleEntry = VideoEntry | AudioEntry;

/** @throws MediaError `sample_entry_count` unless there is exactly one, `codec_unsupported` unless it is H.264 or AAC */
export function parseSampleDescription(bytes: Uint8Array, box: Box): SampleEntry {
  const { reader } = openFullBox(bytes, box, 0);
  const count = reader.u32();
  if (count !== 1) throw new MediaError('sample_entry_count', reader.position - 4, `${count} sample entries`);
  const entry = readBox(bytes, reader.position, box.end);
  const sizeBytes = entry.end - entry.start;
  if (sizeBytes > SAMPLE_ENTRY_LIMIT_BYTES) {
    throw new MediaError('sample_entry_size', entry.start, `a sample entry of ${sizeBytes} bytes`);
  }
  switch (entry.type) {
    case AVC1:
    case AVC3:
      return parseVideoEntry(bytes, entry);
    case MP4A:
      return parseAudioEntry(bytes, entry);
    default:
      throw new MediaError('codec_unsupported', entry.start, `sample entry ${fourCCText(entry.type)}`);
  }
}

function parseVideoEntry(bytes: Uint8Array, entry: Box): VideoEntry {
  const fields = new ByteReader(bytes, entry.body, entry.end);
  fields.skip(24);
  const width = fields.u16();
  const height = fields.u16();
  fields.skip(VISUAL_FIELDS_BYTES - 28);
  const config = onlyBox(childBoxes(bytes, entry, fields.position), AVCC, entry);
  const sampleEntry = copy(bytes.subarray(entry.start, entry.end));
  // Parsed out of the copy, so that nothing holds on to the caller's buffer.
  const avcC = sampleEntry.subarray(config.body - entry.start, config.end - entry.start);
  const avc = withBase(config.body, () => parseAvcConfig(avcC));
  const codec = avcCodecString(avc, entry.type === AVC3 ? 'avc3' : 'avc1');
  return { kind: 'video', codec, sampleEntry, width, height, avc };
}

function parseAudioEntry(bytes: Uint8Array, entry: Box): AudioEntry {
  const fields = new ByteReader(bytes, entry.body, entry.end);
  fields.skip(8);
  const version = fields.u16();
  if (version !== 0) throw new MediaError('box_version', fields.position - 2, `mp4a of version ${version}`);
  fields.skip(AUDIO_FIELDS_BYTES - 10);
  const esds = parseElementaryStream(bytes, onlyBox(childBoxes(bytes, entry, fields.position), ESDS, entry));
  const aac = withBase(esds.ascOffset, () => parseAudioSpecificConfig(copy(esds.asc)));
  return {
    kind: 'audio',
    codec: aacCodecString(aac),
    sampleEntry: copy(bytes.subarray(entry.start, entry.end)),
    channels: aac.channels,
    sampleRate: aac.sampleRate,
    aac,
  };
}

/** Not `slice`: that of a Buffer is a view, which would keep the caller's whole buffer in memory. */
function copy(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

/** @throws MediaError `sample_entry_size` for what is no box, or longer than one that is read */
export function writeSampleDescription(writer: ByteWriter, sampleEntry: Uint8Array): void {
  if (sampleEntry.length < SHORT_HEADER_BYTES || sampleEntry.length > SAMPLE_ENTRY_LIMIT_BYTES) {
    throw new MediaError('sample_entry_size', writer.position, `a sample entry of ${sampleEntry.length} bytes`);
  }
  const start = writer.openFull('stsd', 0, 0);
  writer.u32(1);
  writer.put(sampleEntry);
  writer.close(start);
}

/** An avc1 box for a coded picture of `width` × `height`. @throws MediaError when a value does not fit its field */
export function writeAvcSampleEntry(avc: AvcConfig, width: number, height: number): Uint8Array {
  const config = writeAvcConfig(avc);
  const writer = new ByteWriter(8 + VISUAL_FIELDS_BYTES + 8 + config.length);
  writeContainer(writer, 'avc1', () => {
    writer.zeros(6);
    writer.u16(1);
    writer.zeros(16);
    writer.u16(width);
    writer.u16(height);
    writer.u32(0x48_0000);
    writer.u32(0x48_0000);
    writer.zeros(4);
    writer.u16(1);
    writer.zeros(32);
    writer.u16(0x18);
    writer.u16(0xffff);
    writeContainer(writer, 'avcC', () => writer.put(config));
  });
  return writer.done();
}

/** An mp4a box. @throws MediaError when a value does not fit its field */
export function writeAacSampleEntry(aac: AacConfig): Uint8Array {
  const writer = new ByteWriter(8 + AUDIO_FIELDS_BYTES + 64 + aac.asc.length);
  writeContainer(writer, 'mp4a', () => {
    writer.zeros(6);
    writer.u16(1);
    writer.zeros(8);
    writer.u16(aac.channels);
    writer.u16(16);
    writer.zeros(4);
    // A rate above 16 bits is said by the AudioSpecificConfig alone.
    writer.u32(aac.sampleRate <= 0xffff ? aac.sampleRate * 0x1_0000 : 0);
    writeElementaryStream(writer, { maxBitrate: 0, averageBitrate: 0, asc: aac.asc });
  });
  return writer.done();
}
