/** Sequence parameter sets that say something given, with everything else in them left to chance. */
import type { ChromaFields, HrdFields, PictureOrder, SpsFields, VuiFields } from '../fixtures/sps.ts';
import type { AvcSps } from '../src/codec/avc-sps.ts';
import type { Random } from './random.ts';

/** ITU-T H.264 §7.3.2.1.1: those with chroma format, bit depths and scaling lists. */
const HIGH_PROFILES = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];
const BASELINE = 66;
const MACROBLOCK = 16;
const MOST_REORDERED = 16;
const NUMBERS = [0, 1, 2, 7, 100, 0xffff, 0xffff_fffe];
const OFFSETS = [0, 1, -1, 100, -100, 0x7fff_ffff, -0x7fff_ffff];

/** The fields of a set that {@link AvcSps} `said` is read from. */
export function spsSaying(said: AvcSps, random: Random): SpsFields {
  const { profile, compatibility, level } = said;
  const shape = random.pick(shapesOf(said));
  const order = pickOrder(said, random);
  const inOrder = profile === BASELINE || order.type === 2;
  const restricted = chance(random);
  const vui = pickVui(said, random, restricted);
  const isUnsaid = vui?.restrictions === undefined;
  return {
    profile,
    compatibility,
    level,
    id: random.below(32),
    ...(shape.chroma && { chroma: pickChroma(shape.chroma, random) }),
    frameNumBits: 4 + random.below(13),
    pictureOrder: order,
    referenceFrames: isUnsaid && !inOrder ? said.reorderFrames : random.below(MOST_REORDERED + 1),
    gapsAllowed: chance(random),
    ...pickSize(said, shape, random),
    direct8x8: chance(random),
    ...(vui && { vui }),
  };
}

/** How samples of chroma lie, and so by how much a picture can be cropped (table 6-1, §7.4.2.1.1). */
interface Shape {
  readonly chroma?: Pick<ChromaFields, 'format' | 'separatePlanes'>;
  readonly fields: boolean;
  readonly cropX: number;
  readonly cropY: number;
}

const PLANAR: readonly Omit<Shape, 'fields'>[] = [
  { chroma: { format: 0, separatePlanes: false }, cropX: 1, cropY: 1 },
  { chroma: { format: 1, separatePlanes: false }, cropX: 2, cropY: 2 },
  { chroma: { format: 2, separatePlanes: false }, cropX: 2, cropY: 1 },
  { chroma: { format: 3, separatePlanes: false }, cropX: 1, cropY: 1 },
  { chroma: { format: 3, separatePlanes: true }, cropX: 1, cropY: 1 },
];

/** Those in which a picture of this size can be. */
function shapesOf({ profile, width, height }: AvcSps): Shape[] {
  const chromas = HIGH_PROFILES.includes(profile) ? PLANAR : [{ cropX: 2, cropY: 2 }];
  return chromas
    .flatMap((shape) => [
      { ...shape, fields: false },
      { ...shape, fields: true, cropY: 2 * shape.cropY },
    ])
    .filter(({ cropX, cropY }) => width % cropX === 0 && height % cropY === 0);
}

function pickSize(
  { width, height }: AvcSps,
  { fields, cropX, cropY }: Shape,
  random: Random,
): Pick<SpsFields, 'widthMacroblocks' | 'heightMapUnits' | 'adaptiveFields' | 'crop'> {
  const unitHeight = fields ? 2 * MACROBLOCK : MACROBLOCK;
  const widthMacroblocks = Math.ceil(width / MACROBLOCK) + random.below(2);
  const heightMapUnits = Math.ceil(height / unitHeight) + random.below(2);
  const across = (widthMacroblocks * MACROBLOCK - width) / cropX;
  const down = (heightMapUnits * unitHeight - height) / cropY;
  const left = random.below(across + 1);
  const top = random.below(down + 1);
  const isCropped = across + down > 0 || chance(random);
  return {
    widthMacroblocks,
    heightMapUnits,
    ...(fields && { adaptiveFields: chance(random) }),
    ...(isCropped && { crop: [left, across - left, top, down - top] }),
  };
}

function pickChroma(chroma: Pick<ChromaFields, 'format' | 'separatePlanes'>, random: Random): ChromaFields {
  const lists = chroma.format === 3 ? 12 : 8;
  return {
    ...chroma,
    bitDepthLuma: 8 + random.below(7),
    bitDepthChroma: 8 + random.below(7),
    lossless: chance(random),
    ...(rarely(random) && {
      scalingLists: Array.from({ length: lists }, (_, list) =>
        chance(random) ? pickScalingList(list < 6 ? 16 : 64, random) : undefined,
      ),
    }),
  };
}

/** §7.3.2.1.1.1: the differences of scales, from 8 on; a scale of 0 ends the list. */
function pickScalingList(entries: number, random: Random): number[] {
  const deltas: number[] = [];
  let scale = 8;
  while (deltas.length < entries && scale !== 0) {
    const delta = random.below(256) - 128;
    deltas.push(delta);
    scale = (scale + delta + 256) % 256;
  }
  return deltas;
}

/** Type 2 says by itself that nothing is reordered (§8.2.1.3). */
function pickOrder({ profile, reorderFrames }: AvcSps, random: Random): PictureOrder {
  const type = random.below(reorderFrames === 0 || profile === BASELINE ? 3 : 2);
  if (type === 2) return { type };
  if (type === 0) return { type, bits: 4 + random.below(13) };
  return {
    type: 1,
    alwaysZero: chance(random),
    offsets: [random.pick(OFFSETS), random.pick(OFFSETS)],
    cycle: Array.from({ length: random.pick([0, 1, 2, 20]) }, () => random.pick(OFFSETS)),
  };
}

function pickVui(said: AvcSps, random: Random, restricted: boolean): VuiFields | undefined {
  const rate = said.frameRate ?? said.clockRate;
  if (rate === undefined && !restricted && chance(random)) return undefined;
  const timing = rate === undefined ? pickNoTiming(random) : timingOf(rate, said.frameRate !== undefined);
  return {
    ...(chance(random) && { aspect: { idc: random.pick([0, 1, 16, 255]), width: random.below(0x1_0000), height: 1 } }),
    ...(chance(random) && { overscan: chance(random) }),
    ...(chance(random) && { signal: pickSignal(random) }),
    ...(chance(random) && { chromaLocation: [random.below(6), random.below(6)] }),
    ...(timing && { timing }),
    ...(rarely(random) && { nalHrd: pickHrd(random) }),
    ...(rarely(random) && { vclHrd: pickHrd(random) }),
    pictureStructure: chance(random),
    ...(restricted && { restrictions: pickRestrictions(said.reorderFrames, random) }),
  };
}

function pickRestrictions(reorderFrames: number, random: Random): NonNullable<VuiFields['restrictions']> {
  const number = (): number => random.pick(NUMBERS);
  return { reorderFrames, bufferedFrames: number(), other: [number(), number(), number(), number()] };
}

function pickSignal(random: Random): NonNullable<VuiFields['signal']> {
  const colour = [random.below(256), random.below(256), random.below(256)] as const;
  return { format: random.below(8), fullRange: chance(random), ...(chance(random) && { colour }) };
}

/** A tick is a field, so that two of them make a frame (§E.2.1). */
function timingOf([frames, seconds]: readonly [number, number], fixed: boolean): VuiFields['timing'] {
  const [unitsPerTick, timescale] = seconds % 2 === 0 ? [seconds / 2, frames] : [seconds, 2 * frames];
  return { unitsPerTick, timescale, fixed };
}

/** A clock that stands still, or runs without end, is none. */
function pickNoTiming(random: Random): VuiFields['timing'] {
  const fixed = chance(random);
  return random.pick([
    undefined,
    { unitsPerTick: 0, timescale: random.next(), fixed },
    { unitsPerTick: random.next(), timescale: 0, fixed },
  ]);
}

function pickHrd(random: Random): HrdFields {
  const schedules = Array.from({ length: random.pick([1, 2, 32]) }, () => ({
    rate: random.pick(NUMBERS),
    size: random.pick(NUMBERS),
    constant: chance(random),
  }));
  return { scales: random.below(256), schedules, delayLengths: random.below(2 ** 20) };
}

function chance(random: Random): boolean {
  return random.below(2) === 0;
}

/** For what takes long to write. */
function rarely(random: Random): boolean {
  return random.below(8) === 0;
}
