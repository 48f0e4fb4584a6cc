/** esds: the MPEG-4 elementary stream descriptor of AAC (ISO/IEC 14496-14 §6.7.2, ISO/IEC 14496-1 §7.2.6). */
import { ByteReader } from '../byte-reader.ts';
import type { ByteWriter } from '../byte-writer.ts';
import { MediaError } from '../media-error.ts';
import { fourCC, openFullBox, type Box } from './box.ts';

export const ESDS = fourCC('esds');

const ES_DESCRIPTOR = 3;
const DECODER_CONFIG = 4;
const DECODER_SPECIFIC = 5;
const SL_CONFIG = 6;

/** objectTypeIndication: ISO/IEC 14496-3 audio */
const MPEG4_AUDIO = 0x40;
/** streamType audio, upStream 0, reserved 1 */
const AUDIO_STREAM = (5 << 2) | 1;

/** An AudioSpecificConfig longer than this is an error; those of AAC have 2 to 5 bytes, with a program config some 30. */
export const ASC_LIMIT_BYTES = 128;

export interface ElementaryStream {
  readonly maxBitrate: number;
  readonly averageBitrate: number;
  readonly asc: Uint8Array;
  /** where `asc` stands in the parsed bytes, for errors about it */
  readonly ascOffset: number;
}

/** @throws MediaError `descriptor_*`, `audio_unsupported` when it is not MPEG-4 audio */
export function parseElementaryStream(bytes: Uint8Array, box: Box): ElementaryStream {
  const stream = openDescriptor(openFullBox(bytes, box, 0).reader, ES_DESCRIPTOR);
  stream.skip(2);
  const flags = stream.u8();
  if ((flags & 0x80) !== 0) stream.skip(2);
  if ((flags & 0x40) !== 0) stream.skip(stream.u8());
  if ((flags & 0x20) !== 0) stream.skip(2);

  const config = openDescriptor(stream, DECODER_CONFIG);
  const objectType = config.u8();
  if (objectType !== MPEG4_AUDIO) {
    throw new MediaError('audio_unsupported', config.position - 1, `object type indication ${objectType}`);
  }
  config.skip(1 + 3);
  const maxBitrate = config.u32();
  const averageBitrate = config.u32();
  const specific = openDescriptor(config, DECODER_SPECIFIC);
  if (specific.left > ASC_LIMIT_BYTES) {
    throw new MediaError('descriptor_size', specific.position, `an AudioSpecificConfig of ${specific.left} bytes`);
  }
  const ascOffset = specific.position;
  return { maxBitrate, averageBitrate, asc: specific.take(specific.left), ascOffset };
}

/** A reader over the body of the next descriptor. Its size takes 1 to 4 bytes of 7 bits (ISO/IEC 14496-1 §8.3.3). */
function openDescriptor(reader: ByteReader, tag: number): ByteReader {
  const at = reader.position;
  const found = reader.u8();
  if (found !== tag) throw new MediaError('descriptor_tag', at, `descriptor ${found} where ${tag} should be`);
  let size = 0;
  for (let count = 1; ; count += 1) {
    const byte = reader.u8();
    size = size * 128 + (byte & 0x7f);
    if (byte < 0x80) break;
    if (count === 4) throw new MediaError('descriptor_size', at, 'a descriptor size of more than 4 bytes');
  }
  if (size > reader.left) throw new MediaError('descriptor_size', at, `a descriptor of ${size} bytes`);
  return new ByteReader(reader.bytes, reader.position, reader.position + size);
}

export function writeElementaryStream(writer: ByteWriter, stream: Omit<ElementaryStream, 'ascOffset'>): void {
  const specificBytes = stream.asc.length;
  if (specificBytes > ASC_LIMIT_BYTES - 1 - 32) {
    throw new MediaError('field_range', writer.position, `an AudioSpecificConfig of ${specificBytes} bytes`);
  }
  const start = writer.openFull('esds', 0, 0);
  writer.u8(ES_DESCRIPTOR);
  writer.u8(3 + (2 + 13 + 2 + specificBytes) + 3);
  writer.zeros(3);
  writer.u8(DECODER_CONFIG);
  writer.u8(13 + 2 + specificBytes);
  writer.u8(MPEG4_AUDIO);
  writer.u8(AUDIO_STREAM);
  writer.u24(0);
  writer.u32(stream.maxBitrate);
  writer.u32(stream.averageBitrate);
  writer.u8(DECODER_SPECIFIC);
  writer.u8(specificBytes);
  writer.put(stream.asc);
  writer.u8(SL_CONFIG);
  writer.u8(1);
  // Table 13: predefined for use in MP4 files.
  writer.u8(2);
  writer.close(start);
}
