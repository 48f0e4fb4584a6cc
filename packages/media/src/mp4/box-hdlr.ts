/** hdlr: what a track carries (ISO/IEC 14496-12 §8.4.3). */
import type { ByteWriter } from '../byte-writer.ts';
import { MediaError } from '../media-error.ts';
import { fourCC, fourCCText, openFullBox, type Box } from './box.ts';

export const HDLR = fourCC('hdlr');

const VIDE = fourCC('vide');
const SOUN = fourCC('soun');

/** @throws MediaError `handler_unsupported` for anything but video and sound */
export function parseHandler(bytes: Uint8Array, box: Box): 'video' | 'audio' {
  const { reader } = openFullBox(bytes, box, 0);
  reader.skip(4);
  const handler = reader.u32();
  if (handler === VIDE) return 'video';
  if (handler === SOUN) return 'audio';
  throw new MediaError('handler_unsupported', reader.position - 4, `a track of ${fourCCText(handler)}`);
}

export function writeHandler(writer: ByteWriter, kind: 'video' | 'audio'): void {
  const start = writer.openFull('hdlr', 0, 0);
  writer.zeros(4);
  writer.ascii(kind === 'video' ? 'vide' : 'soun');
  writer.zeros(12);
  writer.ascii(kind === 'video' ? 'Video\0' : 'Audio\0');
  writer.close(start);
}
