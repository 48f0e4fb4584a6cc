/** minf and stbl: in a CMAF header, the sample description and nothing else (ISO/IEC 23000-19 §7.5.9). */
import type { ByteWriter } from '../byte-writer.ts';
import { childBoxes, fourCC, onlyBox, writeContainer, type Box } from './box.ts';
import { parseSampleDescription, STSD, writeSampleDescription, type SampleEntry } from './box-stsd.ts';

export const MINF = fourCC('minf');
const STBL = fourCC('stbl');

/** @throws MediaError */
export function parseMediaInformation(bytes: Uint8Array, box: Box): SampleEntry {
  const table = onlyBox(childBoxes(bytes, box), STBL, box);
  return parseSampleDescription(bytes, onlyBox(childBoxes(bytes, table), STSD, table));
}

export function writeMediaInformation(writer: ByteWriter, kind: 'video' | 'audio', sampleEntry: Uint8Array): void {
  writeContainer(writer, 'minf', () => {
    if (kind === 'video') writeFields(writer, 'vmhd', 1, 8);
    else writeFields(writer, 'smhd', 0, 4);
    writeContainer(writer, 'dinf', () => {
      const start = writer.openFull('dref', 0, 0);
      writer.u32(1);
      // Flag 1: the media is in this very file.
      writeFields(writer, 'url ', 1, 0);
      writer.close(start);
    });
    writeContainer(writer, 'stbl', () => {
      writeSampleDescription(writer, sampleEntry);
      writeFields(writer, 'stts', 0, 4);
      writeFields(writer, 'stsc', 0, 4);
      writeFields(writer, 'stsz', 0, 8);
      writeFields(writer, 'stco', 0, 4);
    });
  });
}

/** A full box of version 0 whose fields are all 0. */
function writeFields(writer: ByteWriter, type: string, flags: number, fieldBytes: number): void {
  const start = writer.openFull(type, 0, flags);
  writer.zeros(fieldBytes);
  writer.close(start);
}
