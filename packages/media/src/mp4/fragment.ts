/** CMAF chunks: [styp] [prft] moof mdat, read as samples and written from samples (ISO/IEC 23000-19 §7.3.2). */
import { ByteWriter } from '../byte-writer.ts';
import { MediaError, withBase } from '../media-error.ts';
import { fourCC, readBox, SHORT_HEADER_BYTES, type Box } from './box.ts';
import { CMAF_SEGMENT_TYPE, fileTypeBytes, writeFileType } from './box-ftyp.ts';
import {
  MOOF,
  movieFragmentBytes,
  parseMovieFragment,
  writeMovieFragment,
  type MovieFragment,
  SAMPLE_LIMIT,
  type TrackFragment,
} from './box-moof.ts';
import {
  parseProducerReferenceTime,
  PRFT,
  PRFT_BYTES,
  writeProducerReferenceTime,
  type ProducerReferenceTime,
} from './box-prft.ts';
import {
  TRUN_COMPOSITION,
  TRUN_DATA_OFFSET,
  TRUN_DURATION,
  TRUN_FIRST_SAMPLE_FLAGS,
  TRUN_SAMPLE_FLAGS,
  TRUN_SIZE,
  type RunDefaults,
  type RunEntry,
} from './box-trun.ts';
import type { TrackInit } from './init.ts';
import type { Sample } from './sample.ts';

export const MDAT = fourCC('mdat');

/** One track's run of samples out of a moof and its mdat. */
export interface Fragment {
  readonly sequence: number;
  readonly trackId: number;
  /** decode time of the first sample */
  readonly baseDecodeTicks: number;
  /** `data` are views of the parsed bytes */
  readonly samples: Sample[];
  /** the prft that stood before the moof */
  readonly prft?: ProducerReferenceTime;
}

/** Sample flags (ISO/IEC 14496-12 §8.8.3.1): sample_depends_on in bits 24–25, sample_is_non_sync_sample in bit 16. */
const NON_SYNC = 0x1_0000;
const FLAGS_SYNC = 0x200_0000;
const FLAGS_NON_SYNC = 0x100_0000 | NON_SYNC;

const NO_DEFAULTS: RunDefaults = { durationTicks: 0, sizeBytes: 0, sampleFlags: 0 };

/** A box in a buffer that starts `origin` bytes into the file. */
export interface LocatedBox {
  readonly bytes: Uint8Array;
  readonly box: Box;
  readonly origin: number;
}

/**
 * Reads any concatenation of [styp] [prft] moof mdat, as segments and parts are. With `init` its defaults and its edit list are
 * applied, so that samples are on the presentation timeline.
 * @throws MediaError
 */
export function parseFragments(bytes: Uint8Array, init?: TrackInit): Fragment[] {
  const fragments: Fragment[] = [];
  let moof: LocatedBox | undefined;
  let prft: ProducerReferenceTime | undefined;
  let at = 0;
  while (at < bytes.length) {
    const box = readBox(bytes, at, bytes.length);
    at = box.end;
    if (box.type === PRFT) prft = parseProducerReferenceTime(bytes, box);
    if (box.type === MOOF) {
      if (moof !== undefined) throw new MediaError('mdat_missing', moof.box.start, 'a moof with no mdat behind it');
      moof = { bytes, box, origin: 0 };
    }
    if (box.type === MDAT && moof !== undefined) {
      for (const fragment of readFragment(moof, { bytes, box, origin: 0 }, init)) {
        fragments.push(prft === undefined ? fragment : { ...fragment, prft });
      }
      moof = undefined;
      prft = undefined;
    }
  }
  if (moof !== undefined) throw new MediaError('mdat_missing', moof.box.start, 'a moof with no mdat behind it');
  return fragments;
}

/**
 * The samples of a moof, one fragment for each of its tracks. moof and mdat may stand in different buffers.
 * @throws MediaError with offsets into the file; `sample_data` when a sample is empty, outside the mdat, or overlaps another
 */
export function readFragment(moof: LocatedBox, mdat: LocatedBox, init: TrackInit | undefined): Fragment[] {
  return withBase(moof.origin, () => {
    const mediaBytes = mdat.box.end - mdat.box.body;
    const movie = parseMovieFragment(moof.bytes, moof.box, { defaults: runDefaults(init), mediaBytes });
    const sampleReader = new SampleReader(moof, mdat, init?.editShiftTicks ?? 0);
    return movie.tracks.map((track) => {
      const { trackId } = track.header;
      if (init !== undefined && trackId !== init.trackId) {
        throw new MediaError('track_id', moof.box.start, `samples of track ${trackId}, not of ${init.trackId}`);
      }
      return { sequence: movie.sequence, trackId, ...sampleReader.read(track) };
    });
  });
}

function runDefaults(init: TrackInit | undefined): RunDefaults {
  if (init?.defaults === undefined) return NO_DEFAULTS;
  const { durationTicks, sizeBytes, flags } = init.defaults;
  return { durationTicks, sizeBytes, sampleFlags: flags };
}

/** Walks the mdat of one moof from run to run (ISO/IEC 14496-12 §8.8.7.1, §8.8.8.1). */
class SampleReader {
  readonly #moof: LocatedBox;
  readonly #mdat: LocatedBox;
  readonly #shiftTicks: number;
  /** sample bytes that this moof may still claim: overlapping runs would multiply the mdat without bound */
  #bytesLeft: number;
  /** in the file, just behind the data of the track before; for the first, the start of the moof */
  #trackEnd: number;

  constructor(moof: LocatedBox, mdat: LocatedBox, shiftTicks: number) {
    this.#moof = moof;
    this.#mdat = mdat;
    this.#shiftTicks = shiftTicks;
    this.#bytesLeft = mdat.box.end - mdat.box.body;
    this.#trackEnd = moof.origin + moof.box.start;
  }

  read({ header, decodeTicks, runs }: TrackFragment): { baseDecodeTicks: number; samples: Sample[] } {
    const moofStart = this.#moof.origin + this.#moof.box.start;
    const base = header.baseDataOffset ?? (header.baseIsMoof ? moofStart : this.#trackEnd);
    const baseDecodeTicks = decodeTicks + this.#shiftTicks;
    const samples: Sample[] = [];
    let position = base;
    let isSafe = Number.isSafeInteger(baseDecodeTicks);
    let dtsTicks = baseDecodeTicks;
    for (const { dataOffset, entries } of runs) {
      if (dataOffset !== undefined) position = base + dataOffset;
      for (const entry of entries) {
        const ptsTicks = dtsTicks + entry.compositionTicks;
        isSafe &&= Number.isSafeInteger(ptsTicks);
        samples.push({
          dtsTicks,
          ptsTicks,
          durationTicks: entry.durationTicks,
          sync: (entry.sampleFlags & NON_SYNC) === 0,
          data: this.#data(position, entry.sizeBytes),
        });
        position += entry.sizeBytes;
        dtsTicks += entry.durationTicks;
      }
    }
    if (!isSafe || !Number.isSafeInteger(dtsTicks)) {
      throw new MediaError('integer_unsafe', this.#moof.box.start, 'times go beyond 2^53');
    }
    this.#trackEnd = position;
    return { baseDecodeTicks, samples };
  }

  #data(position: number, sizeBytes: number): Uint8Array {
    const { bytes, box, origin } = this.#mdat;
    const start = position - origin;
    this.#bytesLeft -= sizeBytes;
    if (sizeBytes === 0 || start < box.body || start + sizeBytes > box.end || this.#bytesLeft < 0) {
      throw new MediaError('sample_data', this.#moof.box.start, `a sample of ${sizeBytes} bytes at ${position}`);
    }
    return bytes.subarray(start, start + sizeBytes);
  }
}

export interface FragmentSource {
  readonly sequence: number;
  readonly trackId: number;
  /** in decode order, at least one. In the file a sample lasts until the next one's decode time, the last for its own duration */
  readonly samples: readonly Sample[];
  /** start with a styp, as the first part of a segment does */
  readonly styp?: boolean;
  readonly prft?: ProducerReferenceTime;
}

/**
 * Writes one chunk, [styp] [prft] moof mdat, into one buffer. Duration and flags stand in the tfhd where all samples share them.
 * @throws MediaError `samples_missing`, `sample_data` when one is empty, `sample_count`, `sample_order` when a decode time is before
 * the one before it, `field_range`
 */
export function writeFragment(source: FragmentSource): Uint8Array {
  const { samples, prft } = source;
  const movie = describeFragment(source);
  let mediaBytes = 0;
  for (const { data } of samples) {
    if (data.length === 0) throw new MediaError('sample_data', 0, 'a sample of 0 bytes');
    mediaBytes += data.length;
  }
  const moofBytes = movieFragmentBytes(movie);
  const leadBytes =
    (source.styp === true ? fileTypeBytes(CMAF_SEGMENT_TYPE) : 0) + (prft === undefined ? 0 : PRFT_BYTES);

  const writer = new ByteWriter(leadBytes + moofBytes + SHORT_HEADER_BYTES + mediaBytes);
  if (source.styp === true) writeFileType(writer, 'styp', CMAF_SEGMENT_TYPE);
  if (prft !== undefined) writeProducerReferenceTime(writer, source.trackId, prft);
  writeMovieFragment(writer, movie);
  const mdat = writer.open('mdat');
  for (const sample of samples) writer.put(sample.data);
  writer.close(mdat);
  return writer.done();
}

function describeFragment({ sequence, trackId, samples }: FragmentSource): MovieFragment {
  const [first] = samples;
  if (first === undefined) throw new MediaError('samples_missing', 0, 'a fragment needs a sample');
  if (samples.length > SAMPLE_LIMIT) throw new MediaError('sample_count', 0, `${samples.length} samples`);
  const entries = samples.map((sample, index) => describeSample(sample, samples[index + 1]));
  const { flags, durationTicks, sampleFlags } = sharedFields(entries);
  const header = {
    trackId,
    baseDataOffset: undefined,
    sampleDescriptionIndex: undefined,
    durationTicks,
    sizeBytes: undefined,
    sampleFlags,
    durationIsEmpty: false,
    baseIsMoof: true,
  };
  const run = { version: 1, flags, dataOffset: 0, entries };
  const movie = { sequence, tracks: [{ header, decodeTicks: first.dtsTicks, runs: [run] }] };
  run.dataOffset = movieFragmentBytes(movie) + SHORT_HEADER_BYTES;
  return movie;
}

function describeSample(sample: Sample, next: Sample | undefined): RunEntry {
  const durationTicks = next === undefined ? sample.durationTicks : next.dtsTicks - sample.dtsTicks;
  if (durationTicks < 0) throw new MediaError('sample_order', 0, `decode time ${sample.dtsTicks} is followed by less`);
  return {
    durationTicks,
    sizeBytes: sample.data.length,
    sampleFlags: sample.sync ? FLAGS_SYNC : FLAGS_NON_SYNC,
    compositionTicks: sample.ptsTicks - sample.dtsTicks,
  };
}

/** Which fields each sample needs of its own, and the values of those that all share. */
function sharedFields(entries: readonly RunEntry[]): {
  flags: number;
  durationTicks: number | undefined;
  sampleFlags: number | undefined;
} {
  const first = entries[0] as RunEntry;
  const rest = entries[1] ?? first;
  let sameDuration = true;
  let sameFlags = true;
  let flags = TRUN_DATA_OFFSET | TRUN_SIZE;
  for (const [index, entry] of entries.entries()) {
    sameDuration &&= entry.durationTicks === first.durationTicks;
    sameFlags &&= index === 0 || entry.sampleFlags === rest.sampleFlags;
    if (entry.compositionTicks !== 0) flags |= TRUN_COMPOSITION;
  }
  if (!sameDuration) flags |= TRUN_DURATION;
  if (!sameFlags) flags |= TRUN_SAMPLE_FLAGS;
  else if (first.sampleFlags !== rest.sampleFlags) flags |= TRUN_FIRST_SAMPLE_FLAGS;
  return {
    flags,
    durationTicks: sameDuration ? first.durationTicks : undefined,
    sampleFlags: sameFlags ? rest.sampleFlags : undefined,
  };
}
