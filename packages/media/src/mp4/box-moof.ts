/** moof and its traf boxes (ISO/IEC 14496-12 §8.8.4, §8.8.6). */
import type { ByteWriter } from '../byte-writer.ts';
import { MediaError } from '../media-error.ts';
import { childBoxes, fourCC, onlyBox, SHORT_HEADER_BYTES, writeContainer, type Box } from './box.ts';
import { MFHD, MFHD_BYTES, parseMovieFragmentHeader, writeMovieFragmentHeader } from './box-mfhd.ts';
import { parseDecodeTime, TFDT, TFDT_BYTES, writeDecodeTime } from './box-tfdt.ts';
import {
  parseTrackFragmentHeader,
  TFHD,
  trackFragmentHeaderBytes,
  writeTrackFragmentHeader,
  type TrackFragmentHeader,
} from './box-tfhd.ts';
import { parseTrackRun, trackRunBytes, TRUN, writeTrackRun, type RunDefaults, type TrackRun } from './box-trun.ts';

export const MOOF = fourCC('moof');
const TRAF = fourCC('traf');

/** More samples than this in one moof are an error: half an hour of audio, 18 minutes of 60 frames a second. */
export const SAMPLE_LIMIT = 65_536;

export interface TrackFragment {
  readonly header: TrackFragmentHeader;
  readonly decodeTicks: number;
  readonly runs: readonly TrackRun[];
}

export interface MovieFragment {
  readonly sequence: number;
  readonly tracks: readonly TrackFragment[];
}

/** What a moof is read with. */
export interface MoofContext {
  /** for a field that neither trun nor tfhd has */
  readonly defaults: RunDefaults;
  /** of the mdat: no sample is smaller than a byte, so there are no more samples than this */
  readonly mediaBytes: number;
}

/** @throws MediaError; a traf without a tfdt is `box_missing` (ISO/IEC 23000-19 §7.5.16) */
export function parseMovieFragment(bytes: Uint8Array, box: Box, context: MoofContext): MovieFragment {
  const children = childBoxes(bytes, box);
  const sequence = parseMovieFragmentHeader(bytes, onlyBox(children, MFHD, box));
  const tracks: TrackFragment[] = [];
  let samplesLeft = Math.min(SAMPLE_LIMIT, context.mediaBytes);
  for (const child of children) {
    if (child.type !== TRAF) continue;
    const track = parseTrackFragment(bytes, child, context.defaults, samplesLeft);
    for (const run of track.runs) samplesLeft -= run.entries.length;
    tracks.push(track);
  }
  if (tracks.length === 0) throw new MediaError('box_missing', box.start, 'moof has no traf');
  return { sequence, tracks };
}

function parseTrackFragment(bytes: Uint8Array, box: Box, fallback: RunDefaults, sampleLimit: number): TrackFragment {
  const children = childBoxes(bytes, box);
  const header = parseTrackFragmentHeader(bytes, onlyBox(children, TFHD, box));
  const decodeTicks = parseDecodeTime(bytes, onlyBox(children, TFDT, box));
  const defaults: RunDefaults = {
    durationTicks: header.durationTicks ?? fallback.durationTicks,
    sizeBytes: header.sizeBytes ?? fallback.sizeBytes,
    sampleFlags: header.sampleFlags ?? fallback.sampleFlags,
  };
  const runs: TrackRun[] = [];
  let samplesLeft = sampleLimit;
  for (const child of children) {
    if (child.type !== TRUN) continue;
    const run = parseTrackRun(bytes, child, defaults, samplesLeft);
    samplesLeft -= run.entries.length;
    runs.push(run);
  }
  return { header, decodeTicks, runs };
}

/** Size of what {@link writeMovieFragment} writes. */
export function movieFragmentBytes({ tracks }: MovieFragment): number {
  let size = SHORT_HEADER_BYTES + MFHD_BYTES;
  for (const { header, runs } of tracks) {
    size += SHORT_HEADER_BYTES + trackFragmentHeaderBytes(header) + TFDT_BYTES;
    for (const run of runs) size += trackRunBytes(run.flags, run.entries.length);
  }
  return size;
}

export function writeMovieFragment(writer: ByteWriter, { sequence, tracks }: MovieFragment): void {
  writeContainer(writer, 'moof', () => {
    writeMovieFragmentHeader(writer, sequence);
    for (const { header, decodeTicks, runs } of tracks) {
      writeContainer(writer, 'traf', () => {
        writeTrackFragmentHeader(writer, header);
        writeDecodeTime(writer, decodeTicks);
        for (const run of runs) writeTrackRun(writer, run);
      });
    }
  });
}
