/** mfhd: the ordinal of a fragment (ISO/IEC 14496-12 §8.8.5). */
import type { ByteWriter } from '../byte-writer.ts';
import { fourCC, openFullBox, type Box } from './box.ts';

export const MFHD = fourCC('mfhd');
export const MFHD_BYTES = 16;

/** @throws MediaError */
export function parseMovieFragmentHeader(bytes: Uint8Array, box: Box): number {
  return openFullBox(bytes, box, 0).reader.u32();
}

export function writeMovieFragmentHeader(writer: ByteWriter, sequence: number): void {
  const start = writer.openFull('mfhd', 0, 0);
  writer.u32(sequence);
  writer.close(start);
}
