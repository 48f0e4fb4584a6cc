/** tfhd: the track of a run of samples and its defaults (ISO/IEC 14496-12 §8.8.7). */
import type { ByteWriter } from '../byte-writer.ts';
import { MediaError } from '../media-error.ts';
import { fourCC, openFullBox, type Box } from './box.ts';

export const TFHD = fourCC('tfhd');

const BASE_DATA_OFFSET = 0x1;
const SAMPLE_DESCRIPTION_INDEX = 0x2;
const DEFAULT_DURATION = 0x8;
const DEFAULT_SIZE = 0x10;
const DEFAULT_FLAGS = 0x20;
const DURATION_IS_EMPTY = 0x1_0000;
const DEFAULT_BASE_IS_MOOF = 0x2_0000;

/** Every field is there, with undefined for what the box leaves out: one shape for the whole hot path. */
export interface TrackFragmentHeader {
  readonly trackId: number;
  readonly baseDataOffset: number | undefined;
  readonly sampleDescriptionIndex: number | undefined;
  readonly durationTicks: number | undefined;
  readonly sizeBytes: number | undefined;
  /** the 32 sample flags of §8.8.3.1 */
  readonly sampleFlags: number | undefined;
  readonly durationIsEmpty: boolean;
  readonly baseIsMoof: boolean;
}

/** @throws MediaError `sample_description` when it refers to a second sample entry */
export function parseTrackFragmentHeader(bytes: Uint8Array, box: Box): TrackFragmentHeader {
  const { flags, reader } = openFullBox(bytes, box, 0);
  const trackId = reader.u32();
  const baseDataOffset = (flags & BASE_DATA_OFFSET) === 0 ? undefined : reader.i64();
  const sampleDescriptionIndex = (flags & SAMPLE_DESCRIPTION_INDEX) === 0 ? undefined : reader.u32();
  checkDescription(sampleDescriptionIndex, box.start);
  return {
    trackId,
    baseDataOffset,
    sampleDescriptionIndex,
    durationTicks: (flags & DEFAULT_DURATION) === 0 ? undefined : reader.u32(),
    sizeBytes: (flags & DEFAULT_SIZE) === 0 ? undefined : reader.u32(),
    sampleFlags: (flags & DEFAULT_FLAGS) === 0 ? undefined : reader.u32(),
    durationIsEmpty: (flags & DURATION_IS_EMPTY) !== 0,
    baseIsMoof: (flags & DEFAULT_BASE_IS_MOOF) !== 0,
  };
}

/** Tracks have one sample entry here. */
function checkDescription(index: number | undefined, at: number): void {
  if (index === undefined || index === 1) return;
  throw new MediaError('sample_description', at, `samples of description ${index}`);
}

/** Size of what {@link writeTrackFragmentHeader} writes. */
export function trackFragmentHeaderBytes(header: TrackFragmentHeader): number {
  let size = 16;
  if (header.baseDataOffset !== undefined) size += 8;
  if (header.sampleDescriptionIndex !== undefined) size += 4;
  if (header.durationTicks !== undefined) size += 4;
  if (header.sizeBytes !== undefined) size += 4;
  if (header.sampleFlags !== undefined) size += 4;
  return size;
}

/** @throws MediaError `sample_description` when it refers to a second sample entry */
export function writeTrackFragmentHeader(writer: ByteWriter, header: TrackFragmentHeader): void {
  checkDescription(header.sampleDescriptionIndex, writer.position);
  let flags = 0;
  if (header.baseDataOffset !== undefined) flags |= BASE_DATA_OFFSET;
  if (header.sampleDescriptionIndex !== undefined) flags |= SAMPLE_DESCRIPTION_INDEX;
  if (header.durationTicks !== undefined) flags |= DEFAULT_DURATION;
  if (header.sizeBytes !== undefined) flags |= DEFAULT_SIZE;
  if (header.sampleFlags !== undefined) flags |= DEFAULT_FLAGS;
  if (header.durationIsEmpty) flags |= DURATION_IS_EMPTY;
  if (header.baseIsMoof) flags |= DEFAULT_BASE_IS_MOOF;
  const start = writer.openFull('tfhd', 0, flags);
  writer.u32(header.trackId);
  if (header.baseDataOffset !== undefined) writer.i64(header.baseDataOffset);
  if (header.sampleDescriptionIndex !== undefined) writer.u32(header.sampleDescriptionIndex);
  if (header.durationTicks !== undefined) writer.u32(header.durationTicks);
  if (header.sizeBytes !== undefined) writer.u32(header.sizeBytes);
  if (header.sampleFlags !== undefined) writer.u32(header.sampleFlags);
  writer.close(start);
}
