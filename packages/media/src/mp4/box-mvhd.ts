/** mvhd: the movie's own timescale (ISO/IEC 14496-12 §8.2.2). */
import type { ByteWriter } from '../byte-writer.ts';
import { MediaError } from '../media-error.ts';
import { fourCC, openFullBox, type Box } from './box.ts';
import { writeMatrix } from './box-tkhd.ts';

export const MVHD = fourCC('mvhd');

export interface MovieHeader {
  readonly timescale: number;
  /** in `timescale`; 0 in a fragmented file */
  readonly durationTicks: number;
  readonly nextTrackId: number;
}

/** @throws MediaError `timescale` when it is 0 */
export function parseMovieHeader(bytes: Uint8Array, box: Box): MovieHeader {
  const { version, reader } = openFullBox(bytes, box, 1);
  reader.skip(version === 1 ? 16 : 8);
  const timescale = reader.u32();
  if (timescale === 0) throw new MediaError('timescale', reader.position - 4, 'the movie has timescale 0');
  const durationTicks = version === 1 ? reader.i64() : reader.u32();
  reader.skip(4 + 2 + 10 + 36 + 24);
  return { timescale, durationTicks, nextTrackId: reader.u32() };
}

/** @throws MediaError `timescale` when it is 0 */
export function writeMovieHeader(writer: ByteWriter, header: MovieHeader): void {
  if (header.timescale === 0) throw new MediaError('timescale', writer.position, 'the movie has timescale 0');
  const start = writer.openFull('mvhd', 0, 0);
  writer.zeros(8);
  writer.u32(header.timescale);
  writer.u32(header.durationTicks);
  writer.u32(0x1_0000);
  writer.u16(0x100);
  writer.zeros(10);
  writeMatrix(writer);
  writer.zeros(24);
  writer.u32(header.nextTrackId);
  writer.close(start);
}
