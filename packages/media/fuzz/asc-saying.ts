/** AudioSpecificConfigs that say something given, in one of the ways that there are to say it. */
import type { AscFields, ProgramFields } from '../fixtures/asc.ts';
import type { AacConfig } from '../src/codec/aac.ts';
import type { Random } from './random.ts';

const HIGHEST_CORE_TYPE = 4;
/** the count of elements in a place has four bits */
const MOST_ELEMENTS = 15;
const MOST_LOW_FREQUENCY = 3;

/** The fields of a record that `said` is read from. */
export function ascSaying(said: Omit<AacConfig, 'asc'>, random: Random): AscFields {
  return {
    config: said,
    signalling: pickSignalling(said, random),
    explicitRates: random.below(4) === 0,
    ...(random.below(2) === 0 && { coreCoderDelay: random.below(2 ** 14) }),
    ...(said.channelConfig === 0 && { program: pickProgram(said.channels, random) }),
  };
}

/** Behind a program config element nothing more is read. */
function pickSignalling(
  { objectType, channelConfig }: Omit<AacConfig, 'asc'>,
  random: Random,
): AscFields['signalling'] {
  const isHe = objectType > HIGHEST_CORE_TYPE;
  if (channelConfig === 0) return isHe ? 'explicit' : 'none';
  return random.pick(isHe ? ['explicit', 'backward-compatible'] : ['none', 'backward-compatible']);
}

/** Elements of one channel and of two, by chance, that make so many. */
function pickProgram(channels: number, random: Random): ProgramFields {
  let left = channels;
  const take = (most: number): number => {
    const taken = Math.min(left, random.below(most + 1));
    left -= taken;
    return taken;
  };
  const lowFrequency = take(Math.min(MOST_LOW_FREQUENCY, channels));
  const places: boolean[][] = [[], [], []];
  const elements = (): boolean => places.some((place) => place.length < MOST_ELEMENTS);
  while (left > 0 && elements()) {
    const place = random.pick(places.filter(({ length }) => length < MOST_ELEMENTS));
    const isPair = left >= 2 && (left > roomOf(places) || random.below(2) === 0);
    place.push(isPair);
    left -= isPair ? 2 : 1;
  }
  const [front = [], side = [], back = []] = places;
  const mixdown = (bits: number): number | undefined => (random.below(2) === 0 ? undefined : random.below(2 ** bits));
  return {
    front,
    side,
    back,
    lowFrequency: lowFrequency + left,
    dataElements: random.below(8),
    couplingElements: random.below(16),
    mixdowns: [mixdown(4), mixdown(4), mixdown(3)],
  };
}

/** Elements that may still be added. */
function roomOf(places: readonly (readonly boolean[])[]): number {
  return places.reduce((room, { length }) => room + MOST_ELEMENTS - length, 0);
}
