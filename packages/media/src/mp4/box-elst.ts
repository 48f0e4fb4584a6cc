/** edts and elst: where on the presentation timeline a track's media starts (ISO/IEC 14496-12 §8.6.5, §8.6.6). */
import type { ByteWriter } from '../byte-writer.ts';
import { MediaError } from '../media-error.ts';
import { fourCC, openFullBox, type Box } from './box.ts';

export const EDTS = fourCC('edts');
export const ELST = fourCC('elst');

/** More edits than this are an error. A packager writes one or two. */
export const EDIT_LIMIT = 16;

/** media_time of an edit that shows nothing */
const EMPTY = -1;

export interface Edit {
  /** in the movie's timescale */
  readonly durationTicks: number;
  /** in the track's timescale; -1 shows nothing for the edit's duration */
  readonly mediaTimeTicks: number;
}

/**
 * Reads the lists that say where the media starts: empty edits, then at most one of media.
 * @throws MediaError `edit_count`, `edit_rate` when an edit is not played at rate 1, `edit_unsupported` for any other list
 */
export function parseEditList(bytes: Uint8Array, box: Box): Edit[] {
  const { version, reader } = openFullBox(bytes, box, 1);
  const count = reader.u32();
  if (count > EDIT_LIMIT) throw new MediaError('edit_count', reader.position - 4, `${count} edits`);
  const edits: Edit[] = [];
  for (let index = 0; index < count; index += 1) {
    const durationTicks = version === 1 ? reader.i64() : reader.u32();
    const mediaTimeTicks = version === 1 ? reader.i64() : reader.i32();
    const rate = reader.u32();
    if (rate !== 0x1_0000) throw new MediaError('edit_rate', reader.position - 4, `an edit at rate ${rate / 0x1_0000}`);
    const edit = { durationTicks, mediaTimeTicks };
    checkEdit(edit, index === count - 1, box.start);
    edits.push(edit);
  }
  return edits;
}

function checkEdit({ mediaTimeTicks }: Edit, isLast: boolean, at: number): void {
  if (mediaTimeTicks >= 0 ? isLast : mediaTimeTicks === EMPTY) return;
  throw new MediaError('edit_unsupported', at, 'an edit list that cuts the media up');
}

/** @throws MediaError `edit_count`, `edit_unsupported` for a list that {@link parseEditList} would not read */
export function writeEditList(writer: ByteWriter, edits: readonly Edit[]): void {
  if (edits.length > EDIT_LIMIT) throw new MediaError('edit_count', writer.position, `${edits.length} edits`);
  for (const [index, edit] of edits.entries()) checkEdit(edit, index === edits.length - 1, writer.position);
  const start = writer.openFull('elst', 1, 0);
  writer.u32(edits.length);
  for (const edit of edits) {
    writer.i64(edit.durationTicks);
    writer.i64(edit.mediaTimeTicks);
    writer.u32(0x1_0000);
  }
  writer.close(start);
}

/**
 * What an edit list adds to every time of its track, in the track's timescale: empty edits push the media back, and the media time
 * of the one edit that follows them is where presentation begins.
 */
export function editShiftTicks(edits: readonly Edit[], timescale: number, movieTimescale: number): number {
  let shiftTicks = 0;
  for (const { durationTicks, mediaTimeTicks } of edits) {
    shiftTicks += mediaTimeTicks === EMPTY ? Math.round((durationTicks * timescale) / movieTimescale) : -mediaTimeTicks;
  }
  return shiftTicks;
}
