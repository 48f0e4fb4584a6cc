/** tkhd: a track's id and the size at which it is shown (ISO/IEC 14496-12 §8.3.2). */
import type { ByteWriter } from '../byte-writer.ts';
import { MediaError } from '../media-error.ts';
import { fourCC, openFullBox, type Box } from './box.ts';

export const TKHD = fourCC('tkhd');

/** track_enabled, track_in_movie */
const FLAGS_SHOWN = 3;

export interface TrackHeader {
  readonly trackId: number;
  /** in the movie's timescale; 0 in a fragmented file */
  readonly durationTicks: number;
  readonly kind: 'video' | 'audio';
  /** of presentation, in 1/65536 pixel; 0 for audio */
  readonly widthFixed: number;
  readonly heightFixed: number;
}

/** @throws MediaError `track_id` when it is 0 */
export function parseTrackHeader(bytes: Uint8Array, box: Box): TrackHeader {
  const { version, reader } = openFullBox(bytes, box, 1);
  reader.skip(version === 1 ? 16 : 8);
  const trackId = reader.u32();
  if (trackId === 0) throw new MediaError('track_id', reader.position - 4, 'a track has id 0');
  reader.skip(4);
  const durationTicks = version === 1 ? reader.i64() : reader.u32();
  reader.skip(8 + 2 + 2);
  const volume = reader.u16();
  reader.skip(2 + 36);
  return {
    trackId,
    durationTicks,
    kind: volume === 0 ? 'video' : 'audio',
    widthFixed: reader.u32(),
    heightFixed: reader.u32(),
  };
}

/** @throws MediaError `track_id` when it is 0 */
export function writeTrackHeader(writer: ByteWriter, header: TrackHeader): void {
  if (header.trackId === 0) throw new MediaError('track_id', writer.position, 'a track has id 0');
  const start = writer.openFull('tkhd', 0, FLAGS_SHOWN);
  writer.zeros(8);
  writer.u32(header.trackId);
  writer.zeros(4);
  writer.u32(header.durationTicks);
  writer.zeros(8 + 2 + 2);
  writer.u16(header.kind === 'audio' ? 0x100 : 0);
  writer.zeros(2);
  writeMatrix(writer);
  writer.u32(header.widthFixed);
  writer.u32(header.heightFixed);
  writer.close(start);
}

/** The unity matrix of §6.2.2. */
export function writeMatrix(writer: ByteWriter): void {
  for (const value of [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000]) writer.u32(value);
}
