/** The CMAF header of a track: ftyp + moov (ISO/IEC 23000-19 §7.3.1). */
import type { AacConfig } from '../codec/aac.ts';
import type { AvcConfig } from '../codec/avc.ts';
import { ByteWriter } from '../byte-writer.ts';
import { MediaError } from '../media-error.ts';
import { readBox, type Box } from './box.ts';
import { editShiftTicks } from './box-elst.ts';
import { CMAF_HEADER_TYPE, fileTypeBytes, FTYP, parseFileType, writeFileType } from './box-ftyp.ts';
import { MOOV, parseMovie, writeMovie, type TrackBox } from './box-moov.ts';
import type { SampleEntry } from './box-stsd.ts';

/** What fragments may leave out because the header's trex says it (ISO/IEC 14496-12 §8.8.3). */
export interface SampleDefaults {
  readonly durationTicks: number;
  readonly sizeBytes: number;
  /** the 32 sample flags of §8.8.3.1 */
  readonly flags: number;
}

/** The header of a CMAF track: one track, no samples. */
export interface TrackInit {
  readonly trackId: number;
  readonly timescale: number;
  readonly kind: 'video' | 'audio';
  /** RFC 6381 */
  readonly codec: string;
  /** coded size of video, in pixels */
  readonly width?: number;
  readonly height?: number;
  readonly channels?: number;
  /** in Hz */
  readonly sampleRate?: number;
  /** ISO 639-2/T; absent when undetermined */
  readonly language?: string;
  /** the whole avc1 or mp4a box, verbatim */
  readonly sampleEntry: Uint8Array;
  readonly avc?: AvcConfig;
  readonly aac?: AacConfig;
  /** from trex; `parseFragments` applies them */
  readonly defaults?: SampleDefaults;
  /** from the edit list: `parseFragments` adds it to every time, so that samples are on the presentation timeline */
  readonly editShiftTicks?: number;
}

/** More boxes than this at the top of a header file are an error. */
export const INIT_BOX_LIMIT = 64;

/** Bytes of a header beside its sample entry: 589 for video, 585 for audio. */
const HEADER_CAPACITY_BYTES = 640;

/**
 * Reads a header with exactly one track of H.264 or AAC. Boxes other than ftyp and moov are passed over.
 * @throws MediaError
 */
export function parseInit(bytes: Uint8Array): TrackInit {
  let moov: Box | undefined;
  let at = 0;
  for (let count = 0; at < bytes.length; count += 1) {
    if (count === INIT_BOX_LIMIT) throw new MediaError('box_count', at, `more than ${INIT_BOX_LIMIT} boxes`);
    const box = readBox(bytes, at, bytes.length);
    if (box.type === FTYP) parseFileType(bytes, box);
    if (box.type === MOOV) {
      if (moov !== undefined) throw new MediaError('box_repeated', at, 'a second moov');
      moov = box;
    }
    at = box.end;
  }
  if (moov === undefined) throw new MediaError('box_missing', 0, 'the header has no moov');
  return readTrack(bytes, moov);
}

function readTrack(bytes: Uint8Array, moov: Box): TrackInit {
  const movie = parseMovie(bytes, moov);
  const [track] = movie.tracks;
  if (track === undefined || movie.tracks.length > 1) {
    throw new MediaError('track_count', moov.start, `${movie.tracks.length} tracks in a header of one`);
  }
  const { trackId } = track.header;
  const { timescale, language } = track.media;
  const trex = movie.trackExtends.find((candidate) => candidate.trackId === trackId);
  if (trex === undefined) throw new MediaError('box_missing', moov.start, `track ${trackId} has no trex`);
  const shift = editShiftTicks(track.edits, timescale, movie.header.timescale);
  return {
    trackId,
    timescale,
    ...describeEntry(track),
    ...(language === undefined ? {} : { language }),
    defaults: { durationTicks: trex.durationTicks, sizeBytes: trex.sizeBytes, flags: trex.flags },
    ...(shift === 0 ? {} : { editShiftTicks: shift }),
  };
}

function describeEntry({ box, handler, entry }: TrackBox): SampleEntry {
  if (entry.kind !== handler) {
    throw new MediaError('handler_mismatch', box.start, `a handler for ${handler} with ${entry.codec}`);
  }
  return entry;
}

/**
 * Writes a CMAF header without edit list and user data: equal inputs give equal bytes. `defaults` and `editShiftTicks` are not
 * written: fragments of `writeFragment` need neither.
 * @throws MediaError when a value does not fit its field
 */
export function writeInit(init: TrackInit): Uint8Array {
  const { trackId, timescale, kind, language, sampleEntry } = init;
  const writer = new ByteWriter(fileTypeBytes(CMAF_HEADER_TYPE) + HEADER_CAPACITY_BYTES + sampleEntry.length);
  writeFileType(writer, 'ftyp', CMAF_HEADER_TYPE);
  writeMovie(writer, {
    header: { timescale, durationTicks: 0, nextTrackId: trackId + 1 },
    track: {
      trackId,
      durationTicks: 0,
      kind,
      widthFixed: (init.width ?? 0) * 0x1_0000,
      heightFixed: (init.height ?? 0) * 0x1_0000,
    },
    media: { timescale, durationTicks: 0, ...(language === undefined ? {} : { language }) },
    sampleEntry,
    trackExtends: { trackId, sampleDescriptionIndex: 1, durationTicks: 0, sizeBytes: 0, flags: 0 },
  });
  return writer.done();
}
