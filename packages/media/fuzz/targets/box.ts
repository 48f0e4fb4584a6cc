/** Every leaf box: an input is one box, and its type says which parser reads it. */
import { isDeepStrictEqual } from 'node:util';
import { ByteWriter } from '../../src/byte-writer.ts';
import { MediaError } from '../../src/media-error.ts';
import { fourCC, readBox, type Box } from '../../src/mp4/box.ts';
import { type Edit, parseEditList, writeEditList } from '../../src/mp4/box-elst.ts';
import { parseElementaryStream, writeElementaryStream } from '../../src/mp4/box-esds.ts';
import {
  CMAF_HEADER_TYPE,
  type FileType,
  fileTypeBytes,
  parseFileType,
  writeFileType,
} from '../../src/mp4/box-ftyp.ts';
import { parseHandler, writeHandler } from '../../src/mp4/box-hdlr.ts';
import { type MediaHeader, parseMediaHeader, writeMediaHeader } from '../../src/mp4/box-mdhd.ts';
import { parseMovieFragmentHeader, writeMovieFragmentHeader } from '../../src/mp4/box-mfhd.ts';
import { parseMovieExtends, writeMovieExtends } from '../../src/mp4/box-mvex.ts';
import { parseMovieHeader, writeMovieHeader } from '../../src/mp4/box-mvhd.ts';
import { parseProducerReferenceTime, writeProducerReferenceTime } from '../../src/mp4/box-prft.ts';
import { parseDecodeTime, writeDecodeTime } from '../../src/mp4/box-tfdt.ts';
import {
  parseTrackFragmentHeader,
  trackFragmentHeaderBytes,
  writeTrackFragmentHeader,
} from '../../src/mp4/box-tfhd.ts';
import { parseTrackHeader, writeTrackHeader } from '../../src/mp4/box-tkhd.ts';
import { parseTrackRun, trackRunBytes, writeTrackRun } from '../../src/mp4/box-trun.ts';
import { mustRead } from '../must-read.ts';
import type { FuzzTarget } from '../target.ts';

/** What is written has wider fields here and there than what was read. */
const SPARE_BYTES = 4096;
const SAMPLE_LIMIT = 1000;
/** A refusal costs as much as a round trip. */
const BENT_ONE_IN = 5;
const DEFAULTS = { durationTicks: 512, sizeBytes: 10, sampleFlags: 0x101_0000 };

interface Parsed {
  readonly value: unknown;
  readonly write: (writer: ByteWriter) => void;
  /** a value of which something cannot be written, or everything can */
  readonly bent: Omit<Parsed, 'bent'> | undefined;
}

/** How one box is parsed, and how what was parsed is written. */
type Codec = (bytes: Uint8Array, box: Box) => Parsed;

function codecOf<T>(
  parse: (bytes: Uint8Array, box: Box) => T,
  write: (writer: ByteWriter, value: T) => void,
  bend?: (value: T, size: number) => T,
): Codec {
  const writable = (value: T): Omit<Parsed, 'bent'> => ({ value, write: (writer) => write(writer, value) });
  return (bytes, box) => {
    const value = parse(bytes, box);
    return { ...writable(value), bent: bend && writable(bend(value, bytes.length)) };
  };
}

function bendFileType(value: FileType, size: number): FileType {
  const { majorBrand, brands } = value;
  const cut = { ...value, majorBrand: majorBrand.slice(size % 2) };
  return size % 3 === 0 ? { ...cut, brands: Array.from({ length: 9 }, () => brands).flat() } : cut;
}

function bendTimescale<T extends { readonly timescale: number }>(value: T, size: number): T {
  return size % 2 === 0 ? { ...value, timescale: 0 } : value;
}

function bendMediaHeader(value: MediaHeader, size: number): MediaHeader {
  const bent = bendTimescale(value, size);
  return bent.language === undefined ? bent : { ...bent, language: bent.language.slice(size % 3) };
}

function bendEdits(edits: readonly Edit[], size: number): Edit[] {
  return Array.from({ length: 1 + (size % 9) }, () => edits).flat();
}

const CODECS: ReadonlyMap<number, Codec> = new Map(
  Object.entries({
    ftyp: codecOf(parseFileType, (writer, value) => writeFileTypeBox(writer, 'ftyp', value), bendFileType),
    styp: codecOf(parseFileType, (writer, value) => writeFileTypeBox(writer, 'styp', value), bendFileType),
    mvhd: codecOf(parseMovieHeader, writeMovieHeader, bendTimescale),
    tkhd: codecOf(parseTrackHeader, writeTrackHeader, (value, size) => ({ ...value, trackId: size % 2 })),
    mdhd: codecOf(parseMediaHeader, writeMediaHeader, bendMediaHeader),
    hdlr: codecOf(parseHandler, writeHandler),
    elst: codecOf(parseEditList, writeEditList, bendEdits),
    mvex: codecOf(parseMovieExtends, writeMovieExtends),
    esds: codecOf((bytes, box) => {
      const { maxBitrate, averageBitrate, asc } = parseElementaryStream(bytes, box);
      return { maxBitrate, averageBitrate, asc: new Uint8Array(asc) };
    }, writeElementaryStream),
    mfhd: codecOf(parseMovieFragmentHeader, writeMovieFragmentHeader),
    tfhd: codecOf(parseTrackFragmentHeader, (writer, value) => {
      const start = writer.position;
      writeTrackFragmentHeader(writer, value);
      checkSize(writer.position - start, trackFragmentHeaderBytes(value));
    }),
    tfdt: codecOf(parseDecodeTime, writeDecodeTime),
    trun: codecOf(
      (bytes, box) => parseTrackRun(bytes, box, DEFAULTS, SAMPLE_LIMIT),
      (writer, value) => {
        const start = writer.position;
        writeTrackRun(writer, value);
        checkSize(writer.position - start, trackRunBytes(value.flags, value.entries.length));
      },
    ),
    prft: codecOf(parseProducerReferenceTime, (writer, value) => writeProducerReferenceTime(writer, 1, value)),
  }).map(([type, codec]) => [fourCC(type), codec]),
);

const TYPES = [...CODECS.keys()];

function writeFileTypeBox(writer: ByteWriter, type: 'ftyp' | 'styp', value: FileType): void {
  const start = writer.position;
  writeFileType(writer, type, value);
  checkSize(writer.position - start, fileTypeBytes(value));
}

function checkSize(written: number, announced: number): void {
  if (written !== announced) throw new Error(`${written} bytes written, ${announced} announced`);
}

/** A mutated type would reach no parser: it is taken for one that there is. */
function withKnownType(input: Uint8Array): Uint8Array {
  if (input.length < 8) return input;
  const view = new DataView(input.buffer, input.byteOffset);
  const type = view.getUint32(4);
  if (!CODECS.has(type)) view.setUint32(4, TYPES[type % TYPES.length] as number);
  return input;
}

function run(input: Uint8Array): boolean {
  const box = readBox(withKnownType(input), 0, input.length);
  const codec = CODECS.get(box.type);
  if (codec === undefined) throw new MediaError('box_unknown', 0, 'not a box of this target');
  const first = codec(input, box);
  const bytes = tryWrite(first.write, 2 * input.length + SPARE_BYTES);
  if (bytes === undefined) return false;
  const second = mustRead(() => codec(bytes, readBox(bytes, 0, bytes.length)));
  if (!isDeepStrictEqual(second.value, first.value)) throw new Error('the round trip changed the box');
  if (first.bent !== undefined && input.length % BENT_ONE_IN === 0) checkBent(codec, first.bent);
  return true;
}

/** What could not be read back is not written. */
function checkBent(codec: Codec, { value, write }: Omit<Parsed, 'bent'>): void {
  const bytes = tryWrite(write, SPARE_BYTES);
  if (bytes === undefined) return;
  const back = mustRead(() => codec(bytes, readBox(bytes, 0, bytes.length)));
  if (!isDeepStrictEqual(back.value, value)) throw new Error('a value was written that the box cannot hold');
}

/** What we write has fewer bits in some places than what we read: version 0 where there is no duration to hold. */
function tryWrite(write: (writer: ByteWriter) => void, capacityBytes: number): Uint8Array | undefined {
  const writer = new ByteWriter(capacityBytes);
  try {
    write(writer);
  } catch (error) {
    if (error instanceof MediaError) return undefined;
    throw error;
  }
  return writer.done();
}

function seed(write: (writer: ByteWriter) => void): Uint8Array {
  const writer = new ByteWriter(SPARE_BYTES);
  write(writer);
  return new Uint8Array(writer.done());
}

/** A box by hand: version 1 of what we write as version 0. */
function byHand(type: string, digits: string): Uint8Array {
  const content = Buffer.from(digits.replaceAll(' ', ''), 'hex');
  return seed((writer) => {
    const start = writer.open(type);
    writer.put(content);
    writer.close(start);
  });
}

const ENTRIES = [0, 1, 2].map((index) => ({
  durationTicks: 500 + index,
  sizeBytes: 1000,
  sampleFlags: 0x200_0000,
  compositionTicks: index - 1,
}));
const TIME_64 = '00'.repeat(16);
const EMPTY_HEADER = {
  trackId: 1,
  baseDataOffset: undefined,
  sampleDescriptionIndex: undefined,
  durationTicks: undefined,
  sizeBytes: undefined,
  sampleFlags: undefined,
  durationIsEmpty: false,
  baseIsMoof: true,
};

const seeds = [
  seed((writer) => writeFileType(writer, 'ftyp', CMAF_HEADER_TYPE)),
  seed((writer) => writeMovieHeader(writer, { timescale: 1000, durationTicks: 5, nextTrackId: 2 })),
  byHand('mvhd', `01000000 ${TIME_64} 000003e8 0000000000000005 ${'00'.repeat(80)}`),
  seed((writer) =>
    writeTrackHeader(writer, {
      trackId: 1,
      durationTicks: 0,
      kind: 'video',
      widthFixed: 64 << 16,
      heightFixed: 48 << 16,
    }),
  ),
  byHand(
    'tkhd',
    `01000003 ${TIME_64} 00000001 00000000 0000000000000000 ${'00'.repeat(12)} 0100 0000 ${'00'.repeat(44)}`,
  ),
  seed((writer) => writeMediaHeader(writer, { timescale: 90_000, durationTicks: 0, language: 'eng' })),
  byHand('mdhd', `01000000 ${TIME_64} 00015f90 0000000000000000 55c4 0000`),
  seed((writer) => writeHandler(writer, 'video')),
  seed((writer) => writeHandler(writer, 'audio')),
  seed((writer) =>
    writeEditList(writer, [
      { durationTicks: 500, mediaTimeTicks: -1 },
      { durationTicks: 0, mediaTimeTicks: 1024 },
    ]),
  ),
  byHand('elst', '00000000 00000001 00000000 00000400 00010000'),
  seed((writer) =>
    writeMovieExtends(writer, [{ trackId: 1, sampleDescriptionIndex: 1, durationTicks: 0, sizeBytes: 0, flags: 0 }]),
  ),
  seed((writer) => writeElementaryStream(writer, { maxBitrate: 1, averageBitrate: 1, asc: Uint8Array.of(0x11, 0x90) })),
  byHand('esds', '00000000 031d0001e0 0002 026162 0003 041140150000000000000000000000 05021190'),
  seed((writer) => writeMovieFragmentHeader(writer, 1)),
  seed((writer) => writeTrackFragmentHeader(writer, EMPTY_HEADER)),
  seed((writer) =>
    writeTrackFragmentHeader(writer, {
      ...EMPTY_HEADER,
      baseDataOffset: 1000,
      sampleDescriptionIndex: 1,
      durationTicks: 512,
      sizeBytes: 9,
      sampleFlags: 0x101_0000,
      durationIsEmpty: true,
    }),
  ),
  seed((writer) => writeDecodeTime(writer, 2 ** 40)),
  byHand('tfdt', '00000000 ffffffff'),
  seed((writer) => writeTrackRun(writer, { version: 1, flags: 0xf01, dataOffset: 100, entries: ENTRIES })),
  seed((writer) => writeTrackRun(writer, { version: 0, flags: 0x205, dataOffset: 100, entries: ENTRIES })),
  byHand('trun', '00000801 00000002 00000064 00000001 00000002'),
  seed((writer) =>
    writeProducerReferenceTime(writer, 1, { wallClockMs: 1_795_390_000_123, mediaTimeTicks: 5, flags: 24 }),
  ),
  byHand('prft', '00000018 00000001 83aa7e80 80000000 00000007'),
];

export const target: FuzzTarget = {
  name: 'box',
  files: [
    'byte-reader.ts',
    'mp4/box-elst.ts',
    'mp4/box-esds.ts',
    'mp4/box-ftyp.ts',
    'mp4/box-hdlr.ts',
    'mp4/box-mdhd.ts',
    'mp4/box-mfhd.ts',
    'mp4/box-mvex.ts',
    'mp4/box-mvhd.ts',
    'mp4/box-prft.ts',
    'mp4/box-tfdt.ts',
    'mp4/box-tfhd.ts',
    'mp4/box-tkhd.ts',
    'mp4/box-trun.ts',
  ],
  shape: 'boxes',
  // One for each seed, so that a type with one seed has its share as well.
  parsers: seeds.length,
  seeds,
  run,
};
