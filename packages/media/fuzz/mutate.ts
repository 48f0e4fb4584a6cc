/** Seeded mutations. Input number N of a target is always the same, so a failure is made again from its number alone. */
import { findBoxes, growAncestors, type BoxSpan } from './box-tree.ts';
import { Random } from './random.ts';
import type { FuzzTarget } from './target.ts';

/** Mutations do not grow an input beyond this. */
const INPUT_LIMIT_BYTES = 64 * 1024;
/** Longer inserts and copies teach nothing more. */
const PIECE_LIMIT_BYTES = 64;
/** Shifting every bit behind a place is for the small inputs whose fields are bits. */
const BIT_SHIFT_LIMIT_BYTES = 512;

const INTERESTING = [0, 1, 2, 3, 7, 8, 15, 16, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0xffff, 0x1_0000, 0x7fff_ffff];
const INTERESTING_HIGH = [0x8000_0000, 0xffff_fff0, 0xffff_fffe, 0xffff_ffff];

interface Seed {
  readonly bytes: Uint8Array;
  readonly boxes: readonly BoxSpan[];
}

type Mutation = (bytes: Uint8Array, random: Random) => Uint8Array;

/** Makes the inputs of one target. */
export class Mutator {
  readonly #seeds: readonly Seed[];
  readonly #seedNumber: number;

  constructor(target: Pick<FuzzTarget, 'shape'>, seeds: readonly Uint8Array[], seedNumber: number) {
    this.#seeds = seeds.map((bytes) => ({ bytes, boxes: target.shape === 'boxes' ? findBoxes(bytes) : [] }));
    this.#seedNumber = seedNumber;
  }

  /**
   * Input number `index`: a seed with one to four changes, the first of them to its structure where it has one. Seeds take turns,
   * so that none has less than its share.
   */
  input(index: number): Uint8Array {
    const random = new Random(Math.imul(this.#seedNumber, 0x9e37_79b1) ^ index);
    const seed = this.#seeds[index % this.#seeds.length] as Seed;
    let changes = 1 + Math.min(random.below(4), random.below(4));
    let bytes: Uint8Array = new Uint8Array(seed.bytes);
    if (seed.boxes.length > 0 && random.below(3) > 0) {
      bytes = this.#changeStructure(seed, random);
      changes -= 1;
    }
    for (; changes > 0; changes -= 1) {
      bytes = random.below(12) === 0 ? this.#splice(bytes, random) : random.pick(BYTE_MUTATIONS)(bytes, random);
    }
    return bytes.length > INPUT_LIMIT_BYTES ? bytes.subarray(0, INPUT_LIMIT_BYTES) : bytes;
  }

  #changeStructure(seed: Seed, random: Random): Uint8Array {
    const span = random.pick(seed.boxes);
    const before = seed.bytes.subarray(0, span.start);
    const box = new Uint8Array(seed.bytes.subarray(span.start, span.end));
    const after = seed.bytes.subarray(span.end);
    const changed = this.#changeBox(box, random);
    const bytes = concat([before, changed, after]);
    // One in four is left with sizes that do not add up.
    if (random.below(4) > 0) growAncestors(bytes, span, changed.length - box.length);
    return bytes;
  }

  /** What stands in a box's place afterwards. */
  #changeBox(box: Uint8Array, random: Random): Uint8Array {
    switch (random.below(10)) {
      case 0:
        return new Uint8Array(0);
      case 1:
        return concat([box, box]);
      case 2:
        return concat(Array.from({ length: random.below(300) }, () => box.subarray(0, PIECE_LIMIT_BYTES)));
      case 3: {
        const donor = random.pick(this.#seeds.filter(({ boxes }) => boxes.length > 0));
        const other = random.pick(donor.boxes);
        return random.below(2) === 0
          ? donor.bytes.subarray(other.start, other.end)
          : concat([donor.bytes.subarray(other.start, other.end), box]);
      }
      case 4:
        return setSize(box, random);
      case 5:
        return withLongSize(box);
      case 6:
        return withSize(box.subarray(0, 8 + random.below(box.length - 8)));
      case 7: {
        const tail = box.subarray(8 + random.below(box.length - 8));
        return withSize(concat([box, ...Array.from({ length: 1 + random.below(40) }, () => tail)]));
      }
      case 8:
        // A bit of version or flags, where the box has them.
        return box.length < 12 ? box : flipBit(box, 64 + random.below(32));
      default:
        return setWord(box, random);
    }
  }

  #splice(bytes: Uint8Array, random: Random): Uint8Array {
    const other = random.pick(this.#seeds).bytes;
    return concat([bytes.subarray(0, random.below(bytes.length)), other.subarray(random.below(other.length))]);
  }
}

const BYTE_MUTATIONS: readonly Mutation[] = [
  (bytes, random) => flipBit(bytes, random.below(bytes.length * 8)),
  (bytes, random) => flipBit(bytes, random.below(bytes.length * 8)),
  (bytes, random) => {
    if (bytes.length > 0) bytes[random.below(bytes.length)] = random.next();
    return bytes;
  },
  setWord,
  setWord,
  (bytes, random) => bytes.subarray(0, random.below(bytes.length)),
  (bytes, random) => {
    const at = random.below(bytes.length);
    return concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random.below(PIECE_LIMIT_BYTES))]);
  },
  (bytes, random) => {
    const at = random.below(bytes.length);
    const piece = bytes.subarray(at, at + 1 + random.below(PIECE_LIMIT_BYTES));
    return concat([bytes.subarray(0, at), piece, bytes.subarray(at)]);
  },
  (bytes, random) => {
    const at = random.below(bytes.length + 1);
    const piece = Uint8Array.from({ length: 1 + random.below(8) }, () => random.next());
    return concat([bytes.subarray(0, at), piece, bytes.subarray(at)]);
  },
  shiftBits,
];

function flipBit(bytes: Uint8Array, bit: number): Uint8Array {
  if (bytes.length > 0) bytes[bit >>> 3] = (bytes[bit >>> 3] as number) ^ (0x80 >>> (bit & 7));
  return bytes;
}

/** Puts a number that tends to break things in one, two or four bytes. */
function setWord(bytes: Uint8Array, random: Random): Uint8Array {
  const width = 1 << random.below(3);
  if (bytes.length < width) return bytes;
  const value = random.below(3) === 0 ? random.pick(INTERESTING_HIGH) : random.pick(INTERESTING);
  const at = random.below(bytes.length - width + 1);
  for (let index = 0; index < width; index += 1) bytes[at + index] = value >>> (8 * (width - 1 - index));
  return bytes;
}

/** A box with another size in its header: a little off, or one that tends to break things. */
function setSize(box: Uint8Array, random: Random): Uint8Array {
  const near = box.length + random.below(17) - 8;
  const size = random.below(2) === 0 ? near : random.pick([...INTERESTING, ...INTERESTING_HIGH]);
  new DataView(box.buffer, box.byteOffset).setUint32(0, size);
  return box;
}

/** A box whose header says how long it is. */
function withSize(bytes: Uint8Array): Uint8Array {
  const box = new Uint8Array(bytes);
  new DataView(box.buffer).setUint32(0, box.length);
  return box;
}

/** A box with its size in 64 bits. */
function withLongSize(box: Uint8Array): Uint8Array {
  const long = concat([box.subarray(0, 8), new Uint8Array(8), box.subarray(8)]);
  const view = new DataView(long.buffer);
  view.setUint32(0, 1);
  view.setUint32(12, long.length);
  return long;
}

/** Takes a bit out, or puts one in, and moves all that follow. */
function shiftBits(bytes: Uint8Array, random: Random): Uint8Array {
  if (bytes.length === 0 || bytes.length > BIT_SHIFT_LIMIT_BYTES) return bytes;
  const digits = Array.from(bytes, (byte) => byte.toString(2).padStart(8, '0')).join('');
  const at = random.below(digits.length);
  const inserted = ['', '0', '1', '00000000'][random.below(4)] ?? '';
  const moved = digits.slice(0, at) + inserted + digits.slice(inserted === '' ? at + 1 : at);
  return Uint8Array.from({ length: moved.length >>> 3 }, (_, index) =>
    parseInt(moved.slice(index * 8, index * 8 + 8), 2),
  );
}

function concat(pieces: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(pieces.reduce((size, piece) => size + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.length;
  }
  return joined;
}
