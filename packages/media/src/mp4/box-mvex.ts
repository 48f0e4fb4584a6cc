/** mvex and trex: what fragments may leave out (ISO/IEC 14496-12 §8.8.1, §8.8.3). */
import type { ByteWriter } from '../byte-writer.ts';
import { childBoxes, fourCC, openFullBox, writeContainer, type Box } from './box.ts';

export const MVEX = fourCC('mvex');
const TREX = fourCC('trex');

export interface TrackExtends {
  readonly trackId: number;
  readonly sampleDescriptionIndex: number;
  readonly durationTicks: number;
  readonly sizeBytes: number;
  /** the 32 sample flags of §8.8.3.1 */
  readonly flags: number;
}

/** The trex of every track. @throws MediaError */
export function parseMovieExtends(bytes: Uint8Array, box: Box): TrackExtends[] {
  return childBoxes(bytes, box)
    .filter((child) => child.type === TREX)
    .map((child) => parseTrackExtends(bytes, child));
}

function parseTrackExtends(bytes: Uint8Array, box: Box): TrackExtends {
  const { reader } = openFullBox(bytes, box, 0);
  return {
    trackId: reader.u32(),
    sampleDescriptionIndex: reader.u32(),
    durationTicks: reader.u32(),
    sizeBytes: reader.u32(),
    flags: reader.u32(),
  };
}

export function writeMovieExtends(writer: ByteWriter, tracks: readonly TrackExtends[]): void {
  writeContainer(writer, 'mvex', () => {
    for (const track of tracks) {
      const start = writer.openFull('trex', 0, 0);
      writer.u32(track.trackId);
      writer.u32(track.sampleDescriptionIndex);
      writer.u32(track.durationTicks);
      writer.u32(track.sizeBytes);
      writer.u32(track.flags);
      writer.close(start);
    }
  });
}
