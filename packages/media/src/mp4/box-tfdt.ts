/** tfdt: the decode time of a fragment's first sample (ISO/IEC 14496-12 §8.8.12). */
import type { ByteWriter } from '../byte-writer.ts';
import { fourCC, openFullBox, type Box } from './box.ts';

export const TFDT = fourCC('tfdt');
export const TFDT_BYTES = 20;

/** Below zero where the writer wrapped it: see `ByteReader.i64`. @throws MediaError */
export function parseDecodeTime(bytes: Uint8Array, box: Box): number {
  const { version, reader } = openFullBox(bytes, box, 1);
  return version === 1 ? reader.i64() : reader.u32();
}

/** Always version 1, with 64 bits. */
export function writeDecodeTime(writer: ByteWriter, ticks: number): void {
  const start = writer.openFull('tfdt', 1, 0);
  writer.i64(ticks);
  writer.close(start);
}
