/** moov and its trak boxes (ISO/IEC 14496-12 §8.2.1, §8.3.1, §8.4.1). */
import type { ByteWriter } from '../byte-writer.ts';
import { childBoxes, fourCC, onlyBox, optionalBox, writeContainer, type Box } from './box.ts';
import { EDTS, ELST, parseEditList, type Edit } from './box-elst.ts';
import { HDLR, parseHandler, writeHandler } from './box-hdlr.ts';
import { MDHD, parseMediaHeader, writeMediaHeader, type MediaHeader } from './box-mdhd.ts';
import { MVEX, parseMovieExtends, writeMovieExtends, type TrackExtends } from './box-mvex.ts';
import { MVHD, parseMovieHeader, writeMovieHeader, type MovieHeader } from './box-mvhd.ts';
import { MINF, parseMediaInformation, writeMediaInformation } from './box-stbl.ts';
import type { SampleEntry } from './box-stsd.ts';
import { parseTrackHeader, TKHD, writeTrackHeader, type TrackHeader } from './box-tkhd.ts';

export const MOOV = fourCC('moov');
const TRAK = fourCC('trak');
const MDIA = fourCC('mdia');

export interface TrackBox {
  readonly box: Box;
  readonly header: TrackHeader;
  readonly edits: readonly Edit[];
  readonly media: MediaHeader;
  readonly handler: 'video' | 'audio';
  readonly entry: SampleEntry;
}

export interface Movie {
  readonly header: MovieHeader;
  readonly tracks: readonly TrackBox[];
  readonly trackExtends: readonly TrackExtends[];
}

/** @throws MediaError; `box_missing` also for an mvex, without which there are no fragments */
export function parseMovie(bytes: Uint8Array, box: Box): Movie {
  const children = childBoxes(bytes, box);
  return {
    header: parseMovieHeader(bytes, onlyBox(children, MVHD, box)),
    tracks: children.filter((child) => child.type === TRAK).map((child) => parseTrack(bytes, child)),
    trackExtends: parseMovieExtends(bytes, onlyBox(children, MVEX, box)),
  };
}

function parseTrack(bytes: Uint8Array, box: Box): TrackBox {
  const children = childBoxes(bytes, box);
  const mdia = onlyBox(children, MDIA, box);
  const media = childBoxes(bytes, mdia);
  const edts = optionalBox(children, EDTS);
  const elst = edts === undefined ? undefined : optionalBox(childBoxes(bytes, edts), ELST);
  return {
    box,
    header: parseTrackHeader(bytes, onlyBox(children, TKHD, box)),
    edits: elst === undefined ? [] : parseEditList(bytes, elst),
    media: parseMediaHeader(bytes, onlyBox(media, MDHD, mdia)),
    handler: parseHandler(bytes, onlyBox(media, HDLR, mdia)),
    entry: parseMediaInformation(bytes, onlyBox(media, MINF, mdia)),
  };
}

/** The moov of a CMAF header with one track. */
export interface MovieSource {
  readonly header: MovieHeader;
  readonly track: TrackHeader;
  readonly media: MediaHeader;
  readonly sampleEntry: Uint8Array;
  readonly trackExtends: TrackExtends;
}

export function writeMovie(writer: ByteWriter, movie: MovieSource): void {
  const { kind } = movie.track;
  writeContainer(writer, 'moov', () => {
    writeMovieHeader(writer, movie.header);
    writeContainer(writer, 'trak', () => {
      writeTrackHeader(writer, movie.track);
      writeContainer(writer, 'mdia', () => {
        writeMediaHeader(writer, movie.media);
        writeHandler(writer, kind);
        writeMediaInformation(writer, kind, movie.sampleEntry);
      });
    });
    writeMovieExtends(writer, [movie.trackExtends]);
  });
}
