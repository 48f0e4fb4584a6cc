/** CMAF chunks. */
import { isDeepStrictEqual } from 'node:util';
import { MediaError } from '../../src/media-error.ts';
import { parseFragments, writeFragment, type Fragment } from '../../src/mp4/fragment.ts';
import type { TrackInit } from '../../src/mp4/init.ts';
import type { Sample } from '../../src/mp4/sample.ts';
import { mustRead } from '../must-read.ts';
import type { FuzzTarget } from '../target.ts';

const INIT: TrackInit = {
  trackId: 1,
  timescale: 90_000,
  kind: 'video',
  codec: 'avc1.42c01e',
  sampleEntry: new Uint8Array(0),
  defaults: { durationTicks: 3000, sizeBytes: 4, flags: 0x101_0000 },
  editShiftTicks: -1024,
};

function run(input: Uint8Array): boolean {
  let withInit: Fragment[] = [];
  try {
    withInit = parseFragments(input, INIT);
  } catch (error) {
    if (!(error instanceof MediaError)) throw error;
  }
  const fragments = [...withInit, ...parseFragments(input)];
  return fragments.filter((fragment) => fragment.samples.length > 0).every((fragment) => checkRoundTrip(fragment));
}

/** @returns false for what cannot be written: a composition offset above 31 bits, a clock before 1900 */
function checkRoundTrip(fragment: Fragment): boolean {
  let bytes: Uint8Array;
  try {
    bytes = writeFragment({ ...fragment, styp: fragment.sequence % 2 === 0 });
  } catch (error) {
    if (error instanceof MediaError) return false;
    throw error;
  }
  const back = mustRead(() => parseFragments(bytes));
  if (back.length !== 1 || !isDeepStrictEqual(back[0]?.samples, fragment.samples)) {
    throw new Error('the round trip changed the samples');
  }
  return true;
}

function samples(count: number, change: Partial<Sample> = {}): Sample[] {
  return Array.from({ length: count }, (_, index) => ({
    dtsTicks: 90_000 * 1_795_390_000 + 3000 * index,
    ptsTicks: 90_000 * 1_795_390_000 + 3000 * index,
    durationTicks: 3000,
    sync: index === 0,
    data: Uint8Array.of(0, 0, 0, 1, index),
    ...change,
  }));
}

/** Shown in another order, of different lengths, two of them sync samples: each field stands in each entry. */
function uneven(): Sample[] {
  return samples(4).map((sample, index) => ({
    ...sample,
    dtsTicks: sample.dtsTicks + 100 * index * index,
    ptsTicks: sample.ptsTicks + 3000 * (index % 2),
    sync: index % 2 === 0,
  }));
}

const prft = { wallClockMs: 1_795_390_000_123, mediaTimeTicks: 5, flags: 24 };

/** Boxes by hand, for what we read and never write. */
function box(type: string, ...content: Uint8Array[]): Uint8Array {
  const body = Buffer.concat(content);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(8 + body.length);
  head.write(type, 4);
  return new Uint8Array(Buffer.concat([head, body]));
}

function words(...values: number[]): Uint8Array {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value, 4 * index);
  return new Uint8Array(bytes);
}

/** Two tracks with two runs each and no base said; every field defaulted, one byte a sample. */
function twoTracks(): Uint8Array {
  const traf = (trackId: number, offset?: number): Uint8Array => {
    const first = offset === undefined ? words(0, 2) : words(1, 2, offset);
    return box(
      'traf',
      box('tfhd', words(0x10, trackId, 1)),
      box('tfdt', words(0, 0)),
      box('trun', first),
      box('trun', words(0, 1)),
    );
  };
  const moof = (offset: number): Uint8Array => box('moof', box('mfhd', words(0, 1)), traf(1, offset), traf(2));
  return new Uint8Array(Buffer.concat([moof(moof(0).length + 8), box('mdat', Uint8Array.of(1, 2, 3, 4, 5, 6))]));
}

/** An absolute base. */
function absoluteBase(): Uint8Array {
  const moof = (base: number): Uint8Array =>
    box(
      'moof',
      box('mfhd', words(0, 1)),
      box('traf', box('tfhd', words(0x11, 1, 0, base, 2)), box('tfdt', words(0, 0)), box('trun', words(0, 2))),
    );
  return new Uint8Array(Buffer.concat([moof(moof(0).length + 8), box('mdat', Uint8Array.of(1, 2, 3, 4))]));
}

export const target: FuzzTarget = {
  name: 'fragment',
  files: ['mp4/fragment.ts', 'mp4/box-moof.ts'],
  shape: 'boxes',
  seeds: [
    writeFragment({ sequence: 1, trackId: 1, samples: samples(1), styp: true, prft }),
    writeFragment({ sequence: 2, trackId: 1, samples: samples(4), prft }),
    writeFragment({ sequence: 3, trackId: 1, samples: samples(3, { sync: true }) }),
    writeFragment({ sequence: 4, trackId: 1, samples: uneven() }),
    twoTracks(),
    absoluteBase(),
  ],
  run,
};
