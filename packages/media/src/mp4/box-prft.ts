/** prft: the wall clock at which a piece of media was captured or encoded (ISO/IEC 14496-12 §8.16.5). */
import type { ByteWriter } from '../byte-writer.ts';
import { fourCC, openFullBox, type Box } from './box.ts';

export const PRFT = fourCC('prft');

/** Size of what {@link writeProducerReferenceTime} writes. */
export const PRFT_BYTES = 32;

/** NTP counts from 1900, Unix from 1970 (RFC 868). */
const NTP_TO_UNIX_S = 2_208_988_800;
const TWO_32 = 0x1_0000_0000;

export interface ProducerReferenceTime {
  /** Unix time in ms; until 2036, when NTP's 32 bits of seconds end */
  readonly wallClockMs: number;
  readonly mediaTimeTicks: number;
  /** 0 entered the encoder, 1 left it, 24 captured; others as the standard says */
  readonly flags: number;
}

/** @throws MediaError */
export function parseProducerReferenceTime(bytes: Uint8Array, box: Box): ProducerReferenceTime {
  const { version, flags, reader } = openFullBox(bytes, box, 1);
  reader.skip(4);
  const wholeMs = (reader.u32() - NTP_TO_UNIX_S) * 1000;
  // To the microsecond: below that is the error of a double, which would not survive being written again.
  const fractionMs = Math.round((reader.u32() / TWO_32) * 1e6) / 1e3;
  const mediaTimeTicks = version === 1 ? reader.i64() : reader.u32();
  return { wallClockMs: wholeMs + fractionMs, mediaTimeTicks, flags };
}

export function writeProducerReferenceTime(
  writer: ByteWriter,
  trackId: number,
  { wallClockMs, mediaTimeTicks, flags }: ProducerReferenceTime,
): void {
  const wholeSeconds = Math.floor(wallClockMs / 1000);
  const start = writer.openFull('prft', 1, flags);
  writer.u32(trackId);
  writer.u32(wholeSeconds + NTP_TO_UNIX_S);
  writer.u32(Math.floor(((wallClockMs - wholeSeconds * 1000) / 1000) * TWO_32));
  writer.i64(mediaTimeTicks);
  writer.close(start);
}
