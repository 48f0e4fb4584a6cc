/** How an origin may answer: mostly something to cache, in many ways of saying so. */

import type { Dice } from './dice.ts';
import type { Representation } from './history.ts';

export function generateRepresentation(dice: Dice): Representation {
  const status = dice.weighted([
    [40, 200],
    [3, 404],
    [1, 410],
    [1, 301],
    [1, 500],
    [1, 503],
  ]);
  return {
    status,
    lengthBytes: lengthOf(dice),
    etag: dice.weighted<Representation['etag']>([
      [6, 'strong'],
      [2, 'weak'],
      [2, 'none'],
    ]),
    modifiedAgoS: dice.weighted([
      [4, null],
      [3, 1_000],
      [2, 100_000],
    ]),
    // Errors seldom say how long they hold.
    control: status >= 400 && dice.chance(0.6) ? null : controlOf(dice),
    targeted: dice.weighted([
      [12, null],
      [1, 'max-age=30'],
      [1, 'no-store'],
      [1, 'max-age=90, must-revalidate'],
    ]),
    expiresInS: dice.weighted<Representation['expiresInS']>([
      [8, null],
      [2, 30],
      [1, 300],
      [1, -10],
      [1, 'invalid'],
    ]),
    ageS: dice.weighted([
      [10, null],
      [1, 8],
      [1, 40],
    ]),
    sendsDate: dice.chance(0.95),
    vary: dice.weighted<Representation['vary']>([
      [7, []],
      [3, ['Accept-Language']],
      [1, ['X-Mode']],
      [1, ['Accept-Language', 'X-Mode']],
      [0.5, ['*']],
    ]),
    setsCookie: dice.chance(0.05),
    tags: dice.weighted<readonly string[]>([
      [4, []],
      [3, ['red']],
      [2, ['red', 'blue']],
      [2, ['blue']],
    ]),
    framing: dice.weighted<Representation['framing']>([
      [6, 'length'],
      [3, 'chunked'],
      [1, 'close'],
    ]),
    ranges: dice.weighted<Representation['ranges']>([
      [7, 'good'],
      [2, 'none'],
      [1, 'ignores-if-range'],
    ]),
    extras: dice.chance(0.15),
  };
}

/** Around the edge's slice, which the simulator makes small; zero, and now and then large. */
function lengthOf(dice: Dice): number {
  return dice.weighted([
    [1, 0],
    [6, 100 + dice.below(900)],
    [2, 1_023 + dice.below(3)],
    [4, 1_500 + dice.below(4_000)],
    [1, 20_000 + dice.below(60_000)],
    [0.1, 700_000 + dice.below(900_000)],
  ]);
}

/** What an origin may come to say of what has not changed: mostly that it is to be kept from others, or asked for. */
export function rewordedControl(dice: Dice): string {
  const ask = dice.pick(['no-cache', 'public, no-cache', 'max-age=0', 'must-revalidate', 'max-age=5']);
  return dice.weighted([
    [3, 'private'],
    [2, 'private, max-age=600'],
    [3, 'no-store'],
    [4, ask],
    [3, `max-age=${dice.pick([30, 120, 600])}`],
  ]);
}

function controlOf(dice: Dice): string | null {
  const age = dice.pick([5, 10, 30, 60, 600]);
  return dice.weighted([
    [4, null],
    [12, `max-age=${age}`],
    [2, `max-age=${age}, s-maxage=${dice.pick([0, 3, 40, 120])}`],
    [2, `public, max-age=${age}`],
    [2, `max-age=${age}, must-revalidate`],
    [1, `max-age=${age}, proxy-revalidate`],
    [2, 'no-cache'],
    [2, 'no-store'],
    [1, `private, max-age=${age}`],
    [2, `max-age=${age}, stale-while-revalidate=${dice.pick([5, 20, 60])}`],
    [3, `max-age=${age}, stale-if-error=${dice.pick([0, 10, 60])}`],
    [1, `max-age=${age}, stale-while-revalidate=0, stale-if-error=0`],
    [1, 'max-age=0'],
    [1, 'public, no-cache'],
    [0.5, 'public, max-age=0'],
    [1, `MAX-AGE="${age}"`],
    [1, 'max-age=abc'],
    [1, `must-understand, no-store, max-age=${age}`],
    [1, `max-age=${age}, immutable`],
  ]);
}
