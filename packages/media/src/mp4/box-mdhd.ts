/** mdhd: the timescale and the language of a track (ISO/IEC 14496-12 §8.4.2). */
import type { ByteWriter } from '../byte-writer.ts';
import { MediaError } from '../media-error.ts';
import { fourCC, openFullBox, type Box } from './box.ts';

export const MDHD = fourCC('mdhd');

/** ISO 639-2/T "undetermined" */
const UNDETERMINED = 'und';
const LANGUAGE = /^[a-z]{3}$/;

export interface MediaHeader {
  readonly timescale: number;
  /** 0 in a fragmented file */
  readonly durationTicks: number;
  /** ISO 639-2/T; absent when undetermined */
  readonly language?: string;
}

/** @throws MediaError `timescale` when it is 0 */
export function parseMediaHeader(bytes: Uint8Array, box: Box): MediaHeader {
  const { version, reader } = openFullBox(bytes, box, 1);
  reader.skip(version === 1 ? 16 : 8);
  const timescale = reader.u32();
  if (timescale === 0) throw new MediaError('timescale', reader.position - 4, 'a track has timescale 0');
  const durationTicks = version === 1 ? reader.i64() : reader.u32();
  const packed = reader.u16();
  const language = String.fromCharCode(
    0x60 + ((packed >>> 10) & 31),
    0x60 + ((packed >>> 5) & 31),
    0x60 + (packed & 31),
  );
  if (language === UNDETERMINED || !LANGUAGE.test(language)) return { timescale, durationTicks };
  return { timescale, durationTicks, language };
}

/** @throws MediaError `timescale` when it is 0, `language` when it is not three letters */
export function writeMediaHeader(writer: ByteWriter, header: MediaHeader): void {
  if (header.timescale === 0) throw new MediaError('timescale', writer.position, 'a track has timescale 0');
  const language = header.language ?? UNDETERMINED;
  if (!LANGUAGE.test(language)) throw new MediaError('language', writer.position, `"${language}" is not ISO 639-2/T`);
  const start = writer.openFull('mdhd', 0, 0);
  writer.zeros(8);
  writer.u32(header.timescale);
  writer.u32(header.durationTicks);
  let packed = 0;
  for (const letter of language) packed = (packed << 5) | (letter.charCodeAt(0) - 0x60);
  writer.u16(packed);
  writer.zeros(2);
  writer.close(start);
}
