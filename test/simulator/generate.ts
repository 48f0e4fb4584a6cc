/** Histories from seeds: one seed, one history. */

import { Dice } from './dice.ts';
import { generateRepresentation } from './generate-representation.ts';
import {
  type Fault,
  type History,
  type MiddleStep,
  PLACES,
  type PurgeSpec,
  type Representation,
  type RequestSpec,
  type Step,
} from './history.ts';

const MOST_STEPS = 14;
const LEAST_STEPS = 4;
const LARGE_BYTES = 6_000_000;

/** What a history may contain, for systems that cannot do everything. */
export interface Repertoire {
  readonly purges: boolean;
  readonly restarts: boolean;
  readonly tokens: boolean;
  /** connections end by resets, too: node:http takes that for the end of a body that ends with its connection */
  readonly resets: boolean;
}

const EVERYTHING: Repertoire = { purges: true, restarts: true, tokens: true, resets: true };

/** The history of a seed. */
export function generateHistory(seed: number, repertoire: Repertoire = EVERYTHING): History {
  return new Generator(seed, repertoire).history();
}

class Generator {
  readonly #seed: number;
  readonly #dice: Dice;
  readonly #repertoire: Repertoire;
  readonly #places: [number, ...number[]];
  readonly #start: Record<number, Representation> = {};
  /** as the generator last left it, for updates that change little */
  readonly #now: Record<number, Representation> = {};
  /** by place: how it was asked for last */
  readonly #last: Record<number, RequestSpec> = {};

  constructor(seed: number, repertoire: Repertoire) {
    this.#seed = seed;
    this.#dice = new Dice(seed);
    this.#repertoire = repertoire;
    const open = PLACES.flatMap(({ policy }, index) => (repertoire.tokens || policy === 'public' ? [index] : []));
    this.#places = [open[this.#dice.below(open.length)] ?? 0];
    // Few places, so that what happens to one is seen by the next.
    const more = this.#dice.weighted([
      [5, 0],
      [3, 1],
      [1, 2],
    ]);
    for (let count = 0; count < more; count += 1) this.#places.push(open[this.#dice.below(open.length)] ?? 0);
    for (const place of this.#places) {
      const representation = generateRepresentation(this.#dice);
      this.#start[place] = representation;
      this.#now[place] = representation;
    }
  }

  history(): History {
    const dice = this.#dice;
    const count = LEAST_STEPS + dice.below(MOST_STEPS - LEAST_STEPS + 1);
    const steps: Step[] = [{ kind: 'ask', requests: [this.#plain(this.#place())] }];
    while (steps.length < count) steps.push(...this.#step());
    return { seed: this.#seed, start: this.#start, steps };
  }

  #place(): number {
    return this.#dice.pick(this.#places);
  }

  #step(): Step[] {
    const { purges, restarts } = this.#repertoire;
    return this.#dice.weighted<() => Step[]>([
      [34, () => [this.#askOnce()]],
      [10, () => [this.#askTogether()]],
      [14, () => [this.#advance()]],
      [8, () => [this.#update()]],
      [8, () => [this.#fault(), this.#askOnce()]],
      [5, () => this.#agedAndFailing()],
      [12, () => this.#hold()],
      [purges ? 9 : 0, () => [{ kind: 'purge', purge: this.#purge() }, this.#askOnce()]],
      [3, () => [this.#unsafe(), this.#askOnce()]],
      [1.5, () => this.#changedMeanwhile()],
      [0.4, () => this.#slowCrowd()],
      [restarts ? 2 : 0, () => [this.#restart(), this.#askOnce()]],
      [restarts && purges ? 2 : 0, () => this.#purgeAndRestart()],
    ])();
  }

  #restart(): Step {
    return { kind: 'restart', how: this.#dice.pick(['stop', 'kill']), flipsBits: this.#dice.chance(0.3) };
  }

  /** What was purged must not come back from the disk. */
  #purgeAndRestart(): Step[] {
    const place = this.#place();
    const request = this.#plain(place);
    const steps: Step[] = [
      { kind: 'ask', requests: [request] },
      { kind: 'purge', purge: { ...this.#purge(), place } },
      this.#restart(),
      { kind: 'ask', requests: [request] },
    ];
    // Or it is there again, and kept.
    return this.#dice.chance(0.5) ? steps : steps.toSpliced(2, 0, { kind: 'ask', requests: [request] });
  }

  #advance(): MiddleStep {
    const ms = this.#dice.weighted([
      [3, 1_000],
      [3, 4_000],
      [4, 11_000],
      [4, 31_000],
      [4, 61_000],
      [2, 130_000],
      [1, 3_600_000],
      [1, 250],
    ]);
    return { kind: 'advance', ms };
  }

  #update(place = this.#place()): MiddleStep {
    const before = this.#now[place];
    const representation =
      before === undefined || this.#dice.chance(0.35)
        ? generateRepresentation(this.#dice)
        : // A length of its own, so that one version does not pass for the other.
          {
            ...before,
            lengthBytes: before.lengthBytes + this.#dice.pick([0, 0, 7, 512, -Math.floor(before.lengthBytes / 2)]),
          };
    this.#now[place] = representation;
    return { kind: 'update', place, representation };
  }

  #fault(place = this.#place()): MiddleStep {
    const dice = this.#dice;
    const fault: Fault = dice.weighted<Fault>([
      [6, { kind: 'die', at: dice.share(), reset: this.#isReset() }],
      [2, { kind: 'refuse' }],
      [3, { kind: 'status', status: dice.pick([500, 502, 503, 504]) }],
    ]);
    return { kind: 'fault', place, fault };
  }

  /** What is stored grows old, and then the origin fails: the hour of stale-if-error. */
  #agedAndFailing(): Step[] {
    const place = this.#place();
    const request = this.#plain(place);
    const steps: Step[] = this.#dice.chance(0.5) ? [{ kind: 'ask', requests: [request] }] : [];
    return [...steps, this.#advance(), this.#fault(place), { kind: 'ask', requests: [request] }];
  }

  #isReset(): boolean {
    return this.#dice.chance(0.5) && this.#repertoire.resets;
  }

  #purge(): PurgeSpec {
    const dice = this.#dice;
    const by = dice.weighted<PurgeSpec['by']>([
      [4, 'url'],
      [2, 'prefix'],
      [4, 'tag'],
      [1, 'all'],
    ]);
    return { by, place: this.#place(), tag: dice.pick(['red', 'blue']), soft: dice.chance(0.4) };
  }

  #askOnce(): MiddleStep {
    return {
      kind: 'ask',
      requests: [this.#dice.chance(0.5) ? this.#plain(this.#place()) : this.#special(this.#place())],
    };
  }

  #askTogether(): MiddleStep {
    const dice = this.#dice;
    const place = this.#place();
    const count = 2 + dice.below(4);
    const isCrowd = dice.chance(0.6);
    const first = this.#plain(place);
    const requests = Array.from({ length: count }, () => {
      if (isCrowd) return first;
      return dice.chance(0.6) ? this.#plain(dice.chance(0.8) ? place : this.#place()) : this.#special(place);
    });
    return { kind: 'ask', requests };
  }

  #hold(): Step[] {
    const dice = this.#dice;
    const place = this.#place();
    const first = this.#plain(place);
    const requests = Array.from({ length: 1 + dice.below(3) }, () =>
      dice.chance(0.85) ? first : dice.chance(0.5) ? this.#plain(place) : this.#special(place),
    );
    const during: MiddleStep[] = [];
    const count = 1 + dice.below(3);
    for (let index = 0; index < count; index += 1) during.push(this.#middle(place, first));
    // Who asks after a purge must not be given what was asked for before it.
    if (during.at(-1)?.kind === 'purge') during.push({ kind: 'ask', requests: [first] });
    const at = dice.chance(0.35) ? -1 : dice.share();
    const hold: Step = { kind: 'hold', place, at, requests, during };
    // What such a fill left behind is seen by whoever asks the same afterwards.
    const after: Step[] = dice.chance(0.6) ? [{ kind: 'ask', requests: [first] }] : [];
    if (dice.chance(0.7)) return [hold, ...after];
    // The answer that is held dies a little later.
    const share = Math.min(1, Math.max(0, at) + dice.below(30) / 100);
    return [{ kind: 'fault', place, fault: { kind: 'die', at: share, reset: this.#isReset() } }, hold, ...after];
  }

  #middle(place: number, first: RequestSpec): MiddleStep {
    const dice = this.#dice;
    const joiner = (): MiddleStep => ({
      kind: 'ask',
      requests: Array.from({ length: 1 + dice.below(2) }, () => (dice.chance(0.7) ? first : this.#special(place))),
    });
    return dice.weighted<() => MiddleStep>([
      [5, joiner],
      [2, () => this.#update(place)],
      [this.#repertoire.purges ? 4 : 0, () => ({ kind: 'purge', purge: { ...this.#purge(), place } })],
      [1, () => this.#advance()],
      [1, () => this.#fault(place)],
    ])();
  }

  /** An answer dies, and the next is of another version that looks the same: what has begun must not be gone on with. */
  #changedMeanwhile(): Step[] {
    const dice = this.#dice;
    const place = this.#place();
    const lengthBytes = 1_500 + dice.below(2_000);
    const ranges = dice.pick(['good', 'good', 'ignores-if-range', 'none'] as const);
    const alike = {
      status: 200,
      etag: 'strong',
      framing: 'length',
      control: 'max-age=600',
      vary: [],
      lengthBytes,
      ranges,
    } as const;
    const representation: Representation = { ...generateRepresentation(dice), ...alike };
    this.#now[place] = representation;
    const requests = [this.#plain(place), this.#plain(place)];
    return [
      { kind: 'update', place, representation },
      { kind: 'fault', place, fault: { kind: 'die', at: 0.7, reset: this.#isReset() } },
      { kind: 'hold', place, at: 0.4, requests, during: [{ kind: 'update', place, representation }] },
      { kind: 'ask', requests: [this.#plain(place)] },
    ];
  }

  /** A body larger than what connections hold on their way, and one reader that does not read. */
  #slowCrowd(): Step[] {
    const place = this.#place();
    const representation = { ...generateRepresentation(this.#dice), status: 200, lengthBytes: LARGE_BYTES };
    this.#now[place] = representation;
    const quick = this.#plain(place);
    const requests = [{ ...quick, isSlow: true }, quick, quick];
    return [
      { kind: 'update', place, representation },
      { kind: 'ask', requests },
    ];
  }

  #unsafe(): MiddleStep {
    const request = this.#plain(this.#place());
    return { kind: 'ask', requests: [{ ...request, method: this.#dice.pick(['POST', 'PUT', 'DELETE']) }] };
  }

  #plain(place: number): RequestSpec {
    const before = this.#last[place];
    // Most ask for the same variant as who came before, or little would ever be found.
    if (before !== undefined && this.#dice.chance(0.5)) return before;
    const request = this.#anyPlain(place);
    this.#last[place] = request;
    return request;
  }

  #anyPlain(place: number): RequestSpec {
    const dice = this.#dice;
    return {
      place,
      method: 'GET',
      range: null,
      condition: null,
      directives: null,
      language: dice.weighted([
        [6, 'en'],
        [3, 'de'],
        [1, ' EN'],
        [1, null],
      ]),
      mode: dice.weighted([
        [6, null],
        [2, 'fast'],
        [1, 'slow'],
      ]),
      authorization: false,
      token: 'good',
      leavesAtByte: null,
      isSlow: false,
    };
  }

  /** Anything but plain. */
  #special(place: number): RequestSpec {
    const dice = this.#dice;
    const plain = this.#plain(place);
    const change = dice.weighted<() => Partial<RequestSpec>>([
      [8, () => ({ range: dice.pick(['first', 'middle', 'open', 'suffix', 'last-byte', 'beyond', 'two']) })],
      [5, () => ({ condition: dice.pick(['match', 'match-old', 'match-any', 'since']) })],
      [
        3,
        () => ({ range: dice.pick(['first', 'middle', 'open']), condition: dice.pick(['if-range', 'if-range-old']) }),
      ],
      [4, () => ({ method: 'HEAD' })],
      [6, () => ({ directives: this.#directives() })],
      [3, () => ({ authorization: true })],
      [2, () => ({ leavesAtByte: 1 })],
      [1, () => ({ isSlow: true })],
      [this.#repertoire.tokens ? 2 : 0, () => ({ token: dice.pick(['other-zone', 'expired', 'none']) })],
    ])();
    return { ...plain, ...change };
  }

  #directives(): string {
    return this.#dice.pick([
      'no-cache',
      'max-age=0',
      'max-age=5',
      'max-age=20',
      'min-fresh=30',
      'max-stale',
      'max-stale=20',
      'only-if-cached',
      'no-store',
      'max-age=5, max-stale=60',
    ]);
  }
}
